"""JavaScript's regular expressions, translated: what they match, what they refuse, what is refused here.

The expectations are those of a JavaScript engine (V8) on the same patterns.
"""

import pytest

from config_sync.frontends.growthbook.patterns import Invalid, Unsupported, translate
from config_sync.regex import accepts, compile_pattern

MATCHES = [
    ("a.c", "", ["abc", "a\u00e9c", "xa-cx"], ["a\nc", "a\u2028c", "ac"]),
    (r"^\d+$", "", ["5", "007"], ["5\n", "\u0665", ""]),
    (r"\s", "", ["\u00a0", "\ufeff", "\u2003", "\t"], ["\u180e", "\u200b", "x"]),
    (r"\bcat\b", "", ["a cat.", "cat"], ["cats", "_cat"]),
    ("[^]", "", ["\n", "x"], [""]),
    ("x[]", "", [], ["x", ""]),
    (r"[\d-x]+$", "", ["5-x"], ["5-y"]),
    (r"[a-]", "", ["-"], ["b"]),
    (r"a{,2}", "", ["a{,2}"], ["aa"]),
    (r"a{2}$", "", ["aa"], ["a"]),
    (r"\x41\u0042\103\cJ", "", ["ABC\n"], ["ABC"]),
    (r"\8\k\p", "", ["8kp"], ["8"]),
    ("é", "i", ["É", "é"], ["e"]),
    ("k", "i", ["K"], ["\u212a"]),
    ("ſ", "i", ["ſ"], ["s", "S"]),
    ("[Σ-Ω]", "i", ["ς", "ω"], ["α"]),
    ("ß", "i", ["ß"], ["SS", "ẞ"]),
    (r"\W", "i", ["ſ", "-"], ["s", "k"]),
    (r"a\/b", "", ["a/b"], ["ab"]),
    ("(?<year>[0-9]{4})", "", ["in 1999"], ["199"]),
    ("^.$", "", ["😀"], ["ab"]),  # V8 has two halves here: docs/dialects/growthbook.md, section 5
]
INVALID = ["(", ")", "a**", "*", "^*", "[z-a]", "a{2,1}", "\\", "[a", "(?<1>a)", "(?a)", "{2}", "a{1}{2}", r"\b+"]
UNSUPPORTED = ["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", r"(a)\1", r"(?<n>a)\k<n>", r"\ud800", "(?i:a)", "(?<n>a)(?<n>b)"]


@pytest.mark.parametrize(("pattern", "flags", "matching", "others"), MATCHES)
def test_matches(pattern: str, flags: str, matching: list[str], others: list[str]) -> None:
    automaton = compile_pattern(translate(pattern, flags == "i"))
    assert [text for text in matching if not accepts(automaton, text.encode())] == []
    assert [text for text in others if accepts(automaton, text.encode())] == []


@pytest.mark.parametrize("pattern", INVALID)
def test_what_javascript_refuses(pattern: str) -> None:
    with pytest.raises(Invalid):
        translate(pattern)


@pytest.mark.parametrize("pattern", UNSUPPORTED)
def test_what_no_automaton_can(pattern: str) -> None:
    with pytest.raises(Unsupported):
        translate(pattern)
