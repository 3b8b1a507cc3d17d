"""The native dialect's patterns against RE2 itself (``google-re2``), on random patterns and texts.

Mostly what both take; what one of them refuses is a disagreement, unless docs/regex.md says that it is refused here.
"""

from random import Random
from typing import Any

from tests.differential.drawing import several, weighted
from tests.differential.harness import Answer, Engine, Question

REQUIRES = {"native": ["google-re2>=1.1,<2"]}

ATOMS = (
    "a", "b", "é", "Ж", "1", "٣", "_", "-", " ", "\\.", "\\-", ".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "[a-c]",
    "[^a]", "[^\\w]", "[\\d_-]", "[[:alpha:]]", "[[:^digit:]]", "[[:word:]x]", "[]a]", "[^]a]", "[a-]", "[-a]", "\\pL",
    "\\PL", "\\p{Lu}", "\\P{Ll}", "\\p{^Nd}", "\\x41", "\\x{416}", "\\t", "\\n", "\\101", "\\Qa.b\\E", "\\Q+\\E", "中",
    "😀", "ß", "k", "K", "\u212a", "S", "]", "}", "~", "&&", "#", "\\/", "[&&a]", "[a--]", "(?i:ß)", "(?i:k)", "(?s:.)",
    "(?i:[^k])", "(?i:é)", "(?i)", "(?s)", "(?m)", "(?U)", "\\v", "\\a", "\\f", "[^\\v]", "{", "{,2}", "x{", "(?P<n>a)",
    "(?<m>b)", "\\_", "[\\s\\d]", "[[:space:]]", "\\C", "\\pN",
)  # fmt: skip
ANCHORS = ("^", "$", "\\b", "\\B", "\\A", "\\z", "(?m:^)", "(?m:$)")
REPEATS = ("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "{0}")
ODD = (
    "(", "[", "*", "\\1", "\\Z", "(?=a)", "(?#c)", "[[:foo:]]", "\\p{Foo}", "\\xZ", "(?z)", "a{2,1}", "[b-a]",
    "[a-\\d]", "a**", "a*+", "(*)", "|", "()", "\\", "a{2}{3}", "[[a]", "(?i", "a)", "(?i-s)a", "(?-)", "a{1001}",
    "\\8", "\\é", "\\y", "(?P<n>a)(?P<n>b)", "\\p{Greek}",
)  # fmt: skip
LETTERS = "abéЖ1٣_- .中😀ßkK\u212aSx\n]}~&#/{,+\v"


def generate(chance: Random) -> list[Question]:
    """A flag with one pattern, asked of a dozen texts."""
    when = {"attribute": "text", "operator": "match_regex", "value": pattern(chance, 3)}
    rule = {"id": "r", "when": when, "variant": "on"}
    document = {"flags": {"flag": {"type": "boolean", "default": "off", "rules": [rule]}}}
    return [
        Question(document, "flag", {"text": "".join(several(chance, lambda: chance.choice(LETTERS), 0, 7))}) for _ in range(12)
    ]


def pattern(chance: Random, depth: int) -> str:
    """Something of RE2's syntax; now and then something that isn't."""
    inner = depth - 1
    return weighted(
        chance,
        [
            (1, lambda: chance.choice(ODD)),
            (12, lambda: chance.choice(ATOMS)),
            (4, lambda: chance.choice(ANCHORS)),
            (9 if depth else 0, lambda: "".join(several(chance, lambda: pattern(chance, inner), 0, 4))),
            (4 if depth else 0, lambda: _group(chance, "|".join(several(chance, lambda: pattern(chance, inner), 1, 3)))),
            (6 if depth else 0, lambda: _group(chance, pattern(chance, inner)) + chance.choice(REPEATS)),
        ],
    )


def _group(chance: Random, inside: str) -> str:
    return chance.choice(("(", "(?:", "(?i:")) + inside + ")"


def _pattern_of(document: dict[str, Any]) -> str:
    written: str = document["flags"]["flag"]["rules"][0]["when"]["value"]
    return written


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """RE2's search. A pattern that it refuses is one without an answer, as it is here."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(_pattern_of(document), options)
    except re2.error:
        return lambda question: Answer(False, "off", "ERROR")

    def ask(question: Question) -> Answer:
        found = compiled.search(question.context["text"]) is not None
        return Answer(found, "on" if found else "off", "TARGETING_MATCH" if found else "DEFAULT")

    return ask


_REFUSED_HERE = (
    ("a repetition of a repetition", "one repetition follows another"),
    ("a script", "scripts aren't supported"),
    ("\\C, a single byte", "\\C (one byte)"),
    ("an automaton that is too large", "too large an automaton"),
    ("a name for two groups", "two groups are named"),
)


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """What docs/regex.md says is refused or different here."""
    from config_sync.regex import PatternError, compile_pattern

    try:
        compile_pattern(_pattern_of(question.document))
    except PatternError as error:
        return next((f"{why} is refused here" for why, said in _REFUSED_HERE if said in error.message), None)
    inside = "\\B" in _pattern_of(question.document) and not question.context["text"].isascii()
    return "\\B holds between the bytes of a character in RE2" if inside else None
