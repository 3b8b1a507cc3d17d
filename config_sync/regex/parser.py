"""A pattern to a syntax tree. What a finite automaton can't do is refused with advice. Used by ``config_sync.regex`` only.

Grammar, flags and oddities are those of RE2's syntax page, or of the documentation of Rust's regex crate: every operator but
back-references, look-around, possessive and atomic groups. Laziness is accepted and ignored, because a pattern here only
matches or doesn't.
"""

from enum import IntFlag

from config_sync.regex import charsets
from config_sync.regex.brackets import bracket
from config_sync.regex.cursor import Cursor
from config_sync.regex.errors import PatternError, UnsupportedPattern
from config_sync.regex.escapes import Reading, code_point, set_escape
from config_sync.regex.limits import MAX_PATTERN_DEPTH, MAX_PATTERN_LENGTH, MAX_REPEAT
from config_sync.regex.syntax import WORDS, Anchor, Assertion, Chars, Node, Syntax, alternate, concat, repeat


class Flags(IntFlag):
    """What ``(?i)``, ``(?m)``, ``(?s)`` and, in Rust's syntax, ``(?u)`` and ``(?x)`` switch on. ``(?U)`` changes nothing."""

    NONE = 0
    FOLD = 1
    MULTILINE = 2
    DOT_ALL = 4
    UNICODE = 8
    VERBOSE = 16


_FLAGS = {"i": Flags.FOLD, "m": Flags.MULTILINE, "s": Flags.DOT_ALL, "U": Flags.NONE, "u": Flags.NONE}
_RUST_FLAGS = _FLAGS | {"u": Flags.UNICODE, "x": Flags.VERBOSE}
_ANCHORS = {"\\A": Anchor.BEGIN_TEXT, "\\z": Anchor.END_TEXT, "\\b": Anchor.WORD, "\\B": Anchor.NOT_WORD}
_RUST_ANCHORS = {  # the longer ones first
    "\\b{start-half}": Anchor.NOT_AFTER_WORD,
    "\\b{end-half}": Anchor.NOT_BEFORE_WORD,
    "\\b{start}": Anchor.WORD_START,
    "\\b{end}": Anchor.WORD_END,
    "\\<": Anchor.WORD_START,
    "\\>": Anchor.WORD_END,
    **_ANCHORS,
}
_SIMPLE_REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_LOOK_AROUND = "look-around isn't supported; use a second condition for what must or must not be near"
_ADVICE = {
    "(?=": _LOOK_AROUND,
    "(?!": _LOOK_AROUND,
    "(?<=": _LOOK_AROUND,
    "(?<!": _LOOK_AROUND,
    "(?>": "atomic groups aren't supported; write (?:...): a pattern never backtracks here",
    "(?#": "comments aren't supported; remove it",
    "(?P=": "back-references aren't supported: write out what the group may match",
    "(?P>": "recursion isn't supported: write out the nested pattern",
    "(?R": "recursion isn't supported: write out the nested pattern",
    "(?&": "recursion isn't supported: write out the nested pattern",
    "(?(": "conditional groups aren't supported; write an alternation",
    "(?|": "branch resets aren't supported; write (?:...)",
    "(?x": "extended syntax (?x) isn't supported; write the pattern without blanks and comments",
    "(?a": "(?a) isn't needed: \\d, \\s, \\w and \\b are ASCII; remove it",
    "(?L": "(?L) isn't supported: patterns are Unicode; remove it",
}
_NOTHING, _ATOM, _REPEATED = range(3)  # what stands before the cursor, for a repetition to apply to


def parse(pattern: str, folded: bool = False, syntax: Syntax = Syntax.RE2) -> Node:
    """The syntax tree of ``pattern``; ``folded`` is as if it began with ``(?i)``. Raises ``PatternError``."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise UnsupportedPattern(
            f"a pattern may have {MAX_PATTERN_LENGTH} characters, this has {len(pattern)}", MAX_PATTERN_LENGTH
        )
    for position, character in enumerate(pattern):
        if "\ud800" <= character <= "\udfff":
            raise PatternError("a lone surrogate is no character; remove it", position)
    flags = (Flags.FOLD if folded else Flags.NONE) | (Flags.UNICODE if syntax is Syntax.RUST else Flags.NONE)
    return _Parser(pattern, flags, syntax is Syntax.RUST).parse()


class _Parser:
    """Recursive descent; ``flags`` are those in force at the cursor."""

    def __init__(self, pattern: str, flags: Flags, rust: bool) -> None:
        self.cursor = Cursor(pattern)
        self.flags = flags
        self.rust = rust
        self.depth = 0
        self.names: set[str] = set()

    @property
    def reading(self) -> Reading:
        flags = self.flags
        return Reading(bool(flags & Flags.FOLD), bool(flags & Flags.UNICODE), self.rust, bool(flags & Flags.VERBOSE))

    def skip_blanks(self) -> None:
        if self.flags & Flags.VERBOSE:
            self.cursor.skip_blanks()

    def parse(self) -> Node:
        tree = self.alternation()
        if not self.cursor.at_end:
            self.cursor.fail("this ) closes nothing; remove it, or write \\) for a parenthesis")
        return tree

    def alternation(self) -> Node:
        branches = [self.sequence()]
        while self.cursor.accept("|"):
            branches.append(self.sequence())
        return alternate(branches)

    def sequence(self) -> Node:
        items: list[Node] = []
        before = _NOTHING
        while self.more():
            start = self.cursor.position
            bounds = self.repetition()
            if bounds is None:
                atoms = self.atoms()
                before = _ATOM if atoms else _NOTHING
                items.extend(atoms)
            else:
                self.check_repetition(before, start)
                items[-1] = repeat(items[-1], *bounds)
                before = _REPEATED
        return concat(items)

    def more(self) -> bool:
        """Whether a sequence goes on, after the blanks that don't count."""
        self.skip_blanks()
        return not self.cursor.at_end and self.cursor.peek() not in "|)"

    def check_repetition(self, before: int, start: int) -> None:
        if before == _NOTHING:
            self.cursor.fail("there is nothing to repeat here; write \\ before the character to mean itself", start)
        if before == _REPEATED and not self.rust:
            self.cursor.refuse(
                "one repetition follows another; put the first into (?:...); there are no possessive ones", start
            )

    def repetition(self) -> tuple[int, int | None] | None:
        """The bounds of the repetition operator at the cursor, moving past it and its ``?``; None when there is none."""
        bounds = _SIMPLE_REPEATS.get(self.cursor.peek())
        if bounds:
            self.cursor.take()
        elif self.cursor.peek() == "{":
            bounds = self.counted()
            if bounds is None and self.rust:
                self.cursor.fail("this { counts nothing: write {2}, {2,} or {2,4}, or \\{ for a brace")
        if bounds:
            self.cursor.accept("?")
        return bounds

    def counted(self) -> tuple[int, int | None] | None:
        """``{n}``, ``{n,}`` or ``{n,m}``; anything else that begins with a brace is a literal brace."""
        start = self.cursor.position
        self.cursor.take()
        low, comma, high = (self.cursor.take_until("}") or "").partition(",")
        if not _is_number(low) or (high and not _is_number(high)):
            self.cursor.position = start
            return None
        upper = int(low) if not comma else int(high) if high else None
        if max(int(low), upper or 0) > MAX_REPEAT:
            self.cursor.refuse(f"a repetition may count to {MAX_REPEAT}", start)
        if upper is not None and upper < int(low):
            self.cursor.fail("this repetition is the wrong way round; write the lower number first", start)
        return int(low), upper

    def atoms(self) -> list[Node]:
        """What stands at the cursor: one node, none for ``(?i)`` and the like, several for ``\\Q...\\E``."""
        character = self.cursor.peek()
        if character == "(":
            return self.group()
        if character == "\\" and not self.rust and self.cursor.accept("\\Q"):
            return self.quoted()
        return [self.atom(character)]

    def quoted(self) -> list[Node]:
        text = self.cursor.take_until("\\E")
        if text is None:
            text = self.cursor.take(len(self.cursor.text))
        return [self.literal(ord(character)) for character in text]

    def atom(self, character: str) -> Node:
        cursor = self.cursor
        if character == "[":
            return Chars(bracket(cursor, self.reading))
        if character == ".":
            cursor.take()
            return Chars(charsets.ANY if self.flags & Flags.DOT_ALL else charsets.NOT_NEWLINE)
        if character in "^$":
            return self.anchor(cursor.take())
        for written, anchor in (_RUST_ANCHORS if self.rust else _ANCHORS).items():
            if cursor.accept(written):
                return Assertion(anchor, bool(self.flags & Flags.UNICODE) and anchor in WORDS)
        ranges = set_escape(cursor, self.reading)
        return self.literal(code_point(cursor, self.reading)) if ranges is None else Chars(ranges)

    def literal(self, point: int) -> Node:
        ranges = ((point, point),)
        return Chars(charsets.fold(ranges) if self.flags & Flags.FOLD else ranges)

    def anchor(self, character: str) -> Node:
        if self.flags & Flags.MULTILINE:
            return Assertion(Anchor.BEGIN_LINE if character == "^" else Anchor.END_LINE)
        return Assertion(Anchor.BEGIN_TEXT if character == "^" else Anchor.END_TEXT)

    def group(self) -> list[Node]:
        """A group, or a flag setting such as ``(?i)`` that lasts to the end of the group around it."""
        start, outer = self.cursor.position, self.flags
        self.cursor.take()
        if self.cursor.peek() == "?" and not self.open_special(start):
            return []
        self.depth += 1
        if self.depth > MAX_PATTERN_DEPTH:
            self.cursor.refuse(f"groups may nest {MAX_PATTERN_DEPTH} deep", start)
        tree = self.alternation()
        if not self.cursor.accept(")"):
            self.cursor.fail("this ( isn't closed; add a ), or write \\( for a parenthesis", start)
        self.depth -= 1
        self.flags = outer
        return [tree]

    def open_special(self, start: int) -> bool:
        """Read what follows ``(?``. True when a group's inside comes next, False when that was a flag setting."""
        for opening, advice in _ADVICE.items():
            if self.cursor.text.startswith(opening, start) and not (self.rust and opening in ("(?x", "(?R")):
                self.cursor.fail(advice, start)
        self.cursor.take()
        if self.cursor.accept("P<") or self.cursor.accept("<"):
            self.name(start)
            return True
        return self.flag_setting(start)

    def name(self, start: int) -> None:
        name = self.cursor.take_until(">")
        if not name or not name.replace("_", "a").isalnum():
            self.cursor.fail("a group's name is letters, digits and underscores: (?P<name>...)", start)
        if name in self.names:
            self.cursor.fail(f"two groups are named {name!r}; rename one", start)
        self.names.add(name)

    def flag_setting(self, start: int) -> bool:
        """``i-s)`` or ``i-s:``; the flags take effect at once."""
        known = _RUST_FLAGS if self.rust else _FLAGS
        flags, negative, empty = self.flags, False, False
        while (character := self.cursor.take()) not in (":", ")"):
            if character == "-" and not negative:
                negative = empty = True
            elif character in known:
                flags = flags & ~known[character] if negative else flags | known[character]
                empty = False
            else:
                flag_names = ", ".join(known)
                self.cursor.refuse(f"(?{character} isn't supported; known are (?:, (?P<name> and the flags {flag_names}", start)
        if empty:
            self.cursor.fail("(?-) names no flag to switch off", start)
        self.flags = flags
        return character == ":"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
