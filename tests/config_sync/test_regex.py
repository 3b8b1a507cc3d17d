"""The pattern compiler: what each piece of RE2's syntax accepts, what is refused, and that neither time nor size explodes."""

import re
import struct
import time
import unicodedata

import pytest

from config_sync.regex import PatternError, Syntax, accepts, compile_pattern
from config_sync.regex.limits import MAX_AUTOMATON_BYTES, MAX_PATTERN_LENGTH
from config_sync.regex.syntax import negate, union
from config_sync.regex.utf8 import byte_sequences


def found(pattern: str, text: str, casefold: bool = False, syntax: Syntax = Syntax.RE2) -> bool:
    return accepts(compile_pattern(pattern, casefold, syntax), text.encode())


# pattern, texts it is found in, texts it isn't found in
WORKED: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("", ("", "a"), ()),
    ("abc", ("abc", "xxabcxx"), ("", "ab", "acb")),
    ("a.c", ("abc", "a\rc", "aéc", "a😀c"), ("ac", "a\nc")),
    ("(?s)a.c", ("a\nc",), ("ac",)),
    ("^a$", ("a",), ("a\n", "ba", "\na")),
    ("(?m)^a$", ("a", "a\n", "b\na\nc"), ("ab", "ba", "a\r\n")),
    (r"\Aa\z", ("a",), ("a\n", "b\na")),
    ("(?m)\\Aa", ("ab", "a\nb"), ("b\na",)),
    (r"\bfoo\b", ("foo", "a foo.", "éfooé"), ("foo_", "xfoo")),
    (r"\Boo\B", ("foot",), ("oo", "foo")),
    (r"\B", ("", "é", "ab"), ("a", "aéa")),
    (r"a\b", ("a", "a-", "aé"), ("ab",)),
    ("[a-c]", ("b",), ("d", "A", "-")),
    ("[^a-c]", ("d", "\n", "é"), ("a", "abc")),
    ("[]a]", ("]", "a"), ("[",)),
    ("[^]a]", ("b", "["), ("]", "a]")),
    ("[-a]", ("-", "a"), ("b",)),
    ("[a-]", ("-", "a"), ("b",)),
    (r"[\d-z]", ("5", "-", "z"), ("a",)),
    (r"[\]\\\-]", ("]", "\\", "-"), ("a",)),
    (r"[[:alpha:]_]", ("q", "_"), ("1", ":", "é")),
    ("[[:^digit:]]", ("q",), ("1",)),
    ("[[:space:]]", ("\v", " "), ("a",)),
    ("[[:word:]][[:punct:]][[:xdigit:]]", ("a!F",), ("a!G", "--0")),
    ("[[:alpha]", ("[", ":", "a"), ("b",)),
    (r"\d\D", ("1a",), ("11", "٣a")),
    (r"\w\W", ("a ", "aé"), ("ab", "é ")),
    (r"\s\S", (" a", "\fa"), ("\va", "  ")),
    (r"\pL", ("é", "Ж", "中"), ("1", " ")),
    (r"\PL", ("1",), ("é",)),
    (r"\p{Lu}\p{^Lu}", ("Éé",), ("éÉ", "ÉÉ")),
    (r"^\P{^Nd}+$", ("1٣",), ("1a",)),
    (r"[\pN\pS]", ("½", "€"), ("a",)),
    (r"^\p{Any}$", ("😀",), ("ab",)),
    (r"^\x{1F600}\x41\101$", ("😀AA",), ("AAA",)),
    (r"^\xe9$", ("é",), ("e",)),
    (r"^\t\n\r\f\v\a\0$", ("\t\n\r\f\v\a\0",), ("",)),
    (r"^\.\*\_\-\ $", (".*_- ",), ("a*_- ",)),
    (r"\Qa.b*\E+", ("a.b*", "a.b***"), ("a.b", "axb*")),
    (r"\Qa|b", ("a|b",), ("a", "b")),
    ("a|b|", ("", "x"), ()),
    ("^(?:a|bc|)$", ("", "a", "bc"), ("b", "abc")),
    ("^(?P<year>\\d{4})-(?<month>\\d\\d)$", ("2024-01",), ("24-01",)),
    ("^a{2}$", ("aa",), ("a", "aaa")),
    ("^a{2,}$", ("aa", "aaaaa"), ("a",)),
    ("^a{2,3}?$", ("aa", "aaa"), ("a", "aaaa")),
    ("^a{0}b$", ("b",), ("ab",)),
    ("^a*?b+?c??$", ("b", "aabbc"), ("a", "bcc")),
    ("^a{,2}$", ("a{,2}",), ("a", "aa")),
    ("^{a}x{$", ("{a}x{",), ("a",)),
    ("(?i)straße", ("STRASSE".replace("SS", "ẞ"), "Straße"), ("strasse",)),
    ("(?i)[k-l]σ", ("\u212aς", "LΣ"), ("mσ",)),
    ("(?i)[^k]", ("a",), ("kK\u212a",)),
    ("^(?i)a(?-i)b$", ("Ab",), ("AB",)),
    ("^(?i:a)b$", ("Ab", "ab"), ("AB",)),
    ("^((?i)a|b)c$", ("Bc", "Ac"), ("BC",)),
    ("^(?ims-U:A.$)", ("a\n\n",), ("b",)),
    ("(?Uu)a+", ("a",), ("b",)),
    ("(^a)*b$", ("ab", "b", "xb"), ("a",)),
    ("^*a", ("ba",), ("b",)),
    (r"(\b|c)+d", ("d", "ccd"), ("xd",)),
    ("[^\\x00-\\x{10FFFF}]", (), ("", "a")),
    (r"[\x{D7FF}-\x{E000}]", ("\ud7ff", "\ue000"), ("\ud7fe", "\ue001")),
    ("^(a?){3}(b|(c)){2}$", ("aabc", "cc"), ("aaaabc", "a")),
    ("x*y*$", ("", "anything"), ()),
    ("ab$|^cd", ("xab", "cdx"), ("abx", "xcd")),
]


@pytest.mark.parametrize(("pattern", "present", "absent"), WORKED)
def test_rul_07_worked_examples(pattern: str, present: tuple[str, ...], absent: tuple[str, ...]) -> None:
    automaton = compile_pattern(pattern)
    assert [text for text in present if not accepts(automaton, text.encode())] == []
    assert [text for text in absent if accepts(automaton, text.encode())] == []


def test_casefold_is_a_leading_i_flag() -> None:
    assert found("É+x", "ééX", casefold=True)
    assert not found("É+x", "ééX")
    assert compile_pattern("(?i)É+x") == compile_pattern("É+x", True)


REFUSED = [
    ("(", 0, "isn't closed"),
    ("a)", 1, "closes nothing"),
    ("a(b", 1, "isn't closed"),
    ("[a", 0, "isn't closed"),
    ("[]", 0, "isn't closed"),
    ("a**", 2, "(?:...)"),
    ("a*+", 2, "possessive"),
    ("a{2}{3}", 4, "(?:...)"),
    ("*a", 0, "nothing to repeat"),
    ("a|+", 2, "nothing to repeat"),
    ("a(?i)*", 5, "nothing to repeat"),
    ("a\\Q\\E*", 5, "nothing to repeat"),
    ("a{3,2}", 1, "lower number first"),
    ("a{1001}", 1, "1000"),
    (r"(a)\1", 3, "back-references"),
    (r"\k<a>", 0, "back-references"),
    ("(?P=a)", 0, "back-references"),
    ("a(?=b)", 1, "look-around"),
    ("(?<!b)", 0, "look-around"),
    ("(?>a)", 0, "atomic"),
    ("(?x)a b", 0, "(?x)"),
    ("(?z)", 0, "isn't supported"),
    ("(?i-)", 0, "names no flag"),
    ("(?", 0, "isn't supported"),
    ("(?P<a>x)(?P<a>y)", 8, "rename"),
    ("(?P<>x)", 0, "name"),
    ("(?P<a b>x)", 0, "name"),
    ("a\\", 1, "\\\\"),
    (r"\Z", 0, r"\z"),
    (r"\q", 0, "leave out the backslash"),
    (r"\8", 0, "leave out the backslash"),
    (r"\x4", 0, "hexadecimal"),
    (r"\x{}", 0, "hexadecimal"),
    (r"\x{110000}", 0, "10FFFF"),
    (r"[\b]", 1, r"\x08"),
    ("[z-a]", 1, "lower character first"),
    (r"[a-\d]", 1, r"\-"),
    ("[[:foo:]]", 1, "xdigit"),
    (r"\p{Greek}", 0, "general category"),
    (r"\p", 0, r"\p{Lu}"),
    ("a\ud800", 1, "surrogate"),
    ("(" * 101 + ")" * 101, 100, "100 deep"),
    ("a" * (MAX_PATTERN_LENGTH + 1), MAX_PATTERN_LENGTH, "characters"),
]


@pytest.mark.parametrize(("pattern", "position", "advice"), REFUSED)
def test_rul_20_refused_with_advice_and_place(pattern: str, position: int, advice: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert caught.value.position == position
    assert advice in caught.value.message


RUST_WORKED: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    (r"^\d$", ("1", "٣"), ("½", "a")),
    (r"^\w$", ("é", "中", "_", "\u0301", "Ⅷ", "Ⓐ", "\u200d"), ("½", "😀", "-")),
    (r"^\s$", (" ", "\v", "\u00a0", "\u3000", "\x85"), ("\u200b", "a")),
    (r"(?-u)^\w$", ("e",), ("é",)),
    (r"(?-u:\d)(?u:\d)", ("1٣",), ("٣1",)),
    (r"(?u)\bmañana\b", ("mañana", "hasta mañana!", "😀mañana"), ("ñmañana", "mañanas", "mañana\u0301")),
    (r"\bñ\B", ("ñé",), ("ñ", "añé")),
    (r"(?-u:\bn)", ("én",), ("_n",)),
    (r"\<b", ("b", "a b"), ("ab", "éb")),
    (r"é\>", ("é", "é!"), ("éa",)),
    (r"\b{start}b\b{end}", ("b",), ("bb",)),
    (r"\b{start-half}-|x\b{end-half}", ("-", " -", "x"), ("é-", "xé")),
    ("[a-c&&[^b]]", ("a", "c"), ("b", "d")),
    ("^[a-e--b-d&&[ae]x]$", ("a", "e"), ("b", "x")),
    ("^[a-c~~b-d]$", ("a", "d"), ("b", "c")),
    ("^[[:alpha:]&&[^[:upper:]]]$", ("a",), ("A", "1")),
    ("^[--a]$", ("-", "a"), (".", "]")),
    ("^[]-a]$", ("]", "-", "a"), ("^", "b")),
    ("^[&&a]$", (), ("&", "a")),
    ("[[:foo:]]", ("o", ":", "f"), ("[", "a")),
    (r"[\]&~#-]", ("]", "&", "#", "-"), ("a",)),
    ("(?i)[^k]", ("a",), ("k", "K", "\u212a")),
    (r"^\u00e9\u{4e2d}\U0001F600\x41$", ("é中😀A",), ("é中😀",)),
    (r"^\p{Letter}\p{gc=Lu}\p{uppercase letter}\P{L}$", ("éÉA1",), ("éÉAa",)),
    (r"^\p{ASCII}\p{any}\p{White_Space}$", ("a中 ",), ("中a ",)),
    ("^a**$", ("", "aaa"), ("b",)),
    ("^a{2}{3}$", ("aaaaaa",), ("aaaaa",)),
    ("(?x) ^ a b # ab\n \\  [ c d ] $", ("ab c", "ab d"), ("ab  ", "abc")),
    ("(?x: a b )c d", ("abc d",), ("abcd",)),
    ("}", ("}",), ("{",)),
]


@pytest.mark.parametrize(("pattern", "there", "absent"), RUST_WORKED)
def test_rusts_syntax(pattern: str, there: tuple[str, ...], absent: tuple[str, ...]) -> None:
    assert [text for text in there if not found(pattern, text, syntax=Syntax.RUST)] == []
    assert [text for text in absent if found(pattern, text, syntax=Syntax.RUST)] == []


RUST_REFUSED = [
    ("a{", 1, "for a brace"),
    ("a{,2}", 1, "for a brace"),
    (r"(a)\1", 3, "back-references"),
    (r"\0", 0, "back-references"),
    (r"\Qa\E", 0, "one by one"),
    (r"[\d-z]", 1, r"\-"),
    (r"[z-\d]", 1, r"\-"),
    ("[a&&", 0, "isn't closed"),
    ("[[a]", 0, "isn't closed"),
    (r"\p{^L}", 0, "general category"),
    (r"\u12", 0, "4 hexadecimal"),
    ("(?R)a", 0, "isn't supported"),
    ("a(?=b)", 1, "look-around"),
    ("*", 0, "nothing to repeat"),
    ("[" * 102 + "a" + "]" * 102, 101, "100 deep"),
    (r"^\w{1,30}$", 0, "too large"),
]


@pytest.mark.parametrize(("pattern", "position", "advice"), RUST_REFUSED)
def test_refused_in_rusts_syntax(pattern: str, position: int, advice: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern, syntax=Syntax.RUST)
    assert caught.value.position == position
    assert advice in caught.value.message


EXPLOSIVE = [
    "(a{1,1000}){1,1000}",
    "((a{1,100}){1,100}){1,100}",
    "(((|){1000}){1000}){1000}b{1000}c{1000}" + "(x{1000}){1000}",
    "(([^\\x00-\\x{10FFFF}]{1000}){1000}){1000}",
    "((\\b{1000}){1000}){1000}",
    "(a|b)*a(a|b){30}",
    ".{1000}",
    "[a-z]{1,1000}x",
    "(?:" + "|".join(rf"\pL{letter}\pN" for letter in "abcdefghijk") + "){1000}",
    "(?i)" + r"(?:[\pL\pN]|\pS){9,30}\b" * 4,
    "(" * 100 + "a" + "{1,9})" * 100,
    "(?:.?){900}b.{12}$",
]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_rul_20_explosive_patterns_are_refused_in_bounded_time(pattern: str) -> None:
    begin = time.process_time()
    with pytest.raises(PatternError):
        compile_pattern(pattern)
    assert time.process_time() - begin < 20  # seconds; without limits these would take years


@pytest.mark.parametrize("length", [40, 100_000])
def test_rul_20_nested_quantifiers_take_one_step_per_byte(length: int) -> None:
    automaton = compile_pattern("^(a+)+$")
    states, classes, _ = struct.unpack_from("<III", automaton)
    assert states <= 4
    assert classes == 3
    assert accepts(automaton, b"a" * length)
    assert not accepts(automaton, b"a" * (length - 1) + b"!")


def test_rul_20_length_and_table_are_limited() -> None:
    assert found("^.{1,255}$", "é" * 255)
    assert not found("^.{1,255}$", "é" * 256)
    assert len(compile_pattern("^.{1,255}$")) < 64_000 < MAX_AUTOMATON_BYTES


@pytest.mark.parametrize("pattern", [entry[0] for entry in WORKED])
def test_automata_are_well_formed_and_minimal(pattern: str) -> None:
    automaton = compile_pattern(pattern)
    states, classes, start, zero = struct.unpack_from("<IIII", automaton)
    cells = struct.unpack_from(f"<{states * classes}H", automaton, 272)
    rows = [cells[state * classes : (state + 1) * classes] for state in range(states)]
    assert len(automaton) % 8 == 0 and len(automaton) - 272 - 2 * len(cells) < 8
    assert start < states and zero == 0 and max(cells) < states
    assert max(automaton[16:272]) == classes - 2
    assert set(rows[0]) == {0} and set(rows[1]) == {1}
    assert len(set(rows)) == states  # no two states alike
    assert {row[-1] for row in rows} <= {0, 1}
    assert len(set(zip(*[row[:-1] for row in rows], strict=True))) == classes - 1  # no two classes alike


def test_equal_languages_have_equal_bytes() -> None:
    groups = [("a|b", "[ab]", "(?:b|a){1}"), ("^a+$", "^(a+)+$", "^aa*$", r"\A(?:a{2,}|a)\z"), ("x{3,}", "x{3}", "xxx.*")]
    for group in groups:
        assert len({compile_pattern(pattern) for pattern in group}) == 1


def test_general_categories_are_those_of_unicodedata() -> None:
    automata = {name: compile_pattern(rf"^\p{{{name}}}$") for name in ("Lu", "Nd", "Zs", "Co")}
    points = [*range(0, 0x3000), *range(0x3000, 0x110000, 37), 0xFFFF, 0x10FFFF]
    for point in points:
        if 0xD800 <= point <= 0xDFFF:
            continue
        category, text = unicodedata.category(chr(point)), chr(point).encode()
        assert {name for name, automaton in automata.items() if accepts(automaton, text)} == ({category} & automata.keys())


def test_folding_covers_every_case_orbit() -> None:
    """Nothing above the scanned planes has a case, and folding agrees with Python's on every cased letter."""
    assert all(chr(point).casefold() == chr(point) for point in range(0x20000, 0x110000) if not 0xD800 <= point <= 0xDFFF)
    for first, second in ["kK", "k\u212a", "sſ", "åÅ", "å\u212b", "θϑ", "βϐ", "ßẞ", "ǅǆ", "ꭰᎠ", "ſS", "𐐀𐐨"]:
        assert found(f"^(?i){first}$", second) and found(f"^(?i){second}$", first)
    assert not found("(?i)i", "İı")


def test_utf8_sequences_cover_a_set_exactly() -> None:
    ranges = union(((0x41, 0x5A),), ((0x7F, 0x81),), ((0x7FF, 0x801),), ((0xD000, 0xE123),), ((0xFFFE, 0x12345),))
    for members in (ranges, negate(ranges)):
        sequences = byte_sequences(members)
        assert sequences == sorted(sequences)
        pattern = b"|".join(b"".join(b"[\\x%02x-\\x%02x]" % pair for pair in sequence) for sequence in sequences)
        member = re.compile(pattern)
        for low, high in members:
            for point in {low, high, (low + high) // 2, min(low + 64, high)}:
                assert 0xD800 <= point <= 0xDFFF or member.fullmatch(chr(point).encode())
        for low, high in negate(members):
            for point in {low, high}:
                assert 0xD800 <= point <= 0xDFFF or not member.fullmatch(chr(point).encode())
