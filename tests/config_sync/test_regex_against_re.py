"""The pattern compiler against Python's ``re`` on the syntax that both share: generated patterns, generated texts."""

import re
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from config_sync.regex import accepts, compile_pattern

TEXTS_PER_PATTERN = 8


@dataclass(frozen=True)
class Pair:
    """One language in two spellings."""

    ours: str
    python: str


def same(text: str) -> Pair:
    return Pair(text, text)


def wrap(pair: Pair, before: str, after: str) -> Pair:
    return Pair(before + pair.ours + after, before + pair.python + after)


LITERALS = st.sampled_from([same(character) for character in "abcA1_- \né中😀"])
SETS = st.sampled_from(
    [
        same(text)
        for text in (".", "(?s:.)", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[a-c]", "[^a]", r"[^\w]", "[é-😀]", r"[\d\-]")
    ]
    + [Pair("[[:alnum:]]", "[0-9A-Za-z]"), Pair(r"\x{4e2d}", "\u4e2d"), Pair(r"\Qa-\E", "a-")]
)
ANCHORS = st.sampled_from(
    [Pair("^", r"\A"), Pair("$", r"\Z"), same("(?m:^)"), same("(?m:$)"), same(r"\b"), same(r"\B"), Pair(r"\z", r"\Z")]
)
REPEATS = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "{0}"])


def compound(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    several = st.lists(inner, min_size=0, max_size=4)
    return st.one_of(
        several.map(lambda pairs: Pair("".join(pair.ours for pair in pairs), "".join(pair.python for pair in pairs))),
        several.map(
            lambda pairs: wrap(Pair("|".join(pair.ours for pair in pairs), "|".join(pair.python for pair in pairs)), "(?:", ")")
        ),
        st.tuples(inner, REPEATS).map(lambda drawn: wrap(drawn[0], "(?:", f"){drawn[1]}")),
        inner.map(lambda pair: wrap(pair, "(", ")")),
    )


PATTERNS = st.recursive(st.one_of(LITERALS, LITERALS, SETS, ANCHORS), compound, max_leaves=8)
TEXTS = st.lists(st.text(alphabet="abcA1_- \né中😀", max_size=8), min_size=TEXTS_PER_PATTERN, max_size=TEXTS_PER_PATTERN)


@settings(max_examples=500)
@given(PATTERNS, TEXTS)
@example(same("(?:a|ab)(?:c|bcd)"), ["abcd", "ac", "b", "", "abc", "abbcd", "a", "c"])
def test_search_agrees_with_re(pattern: Pair, texts: list[str]) -> None:
    """4,000 pairs. An empty text isn't asked with ``\\B``: ``re`` says it isn't there, RE2 that it is."""
    automaton, python = compile_pattern(pattern.ours), re.compile(pattern.python, re.ASCII)
    for text in texts:
        if text or r"\B" not in pattern.ours:
            assert accepts(automaton, text.encode()) == bool(python.search(text)), text


CASED = "aAbBkK\u212asSſßẞéÉσςΣ1"
CASED_SETS = ["[a-k]", "[^A-Z]", "[é-σ]", "[^ß]", "[Σs]"]
CASED_PATTERNS = st.recursive(
    st.sampled_from([same(text) for text in [*CASED, *CASED_SETS]] + [Pair("^", r"\A"), Pair("$", r"\Z")]),
    compound,
    max_leaves=6,
)


@settings(max_examples=300)
@given(CASED_PATTERNS, st.lists(st.text(alphabet=CASED, max_size=6), min_size=TEXTS_PER_PATTERN, max_size=TEXTS_PER_PATTERN))
def test_search_without_case_agrees_with_re(pattern: Pair, texts: list[str]) -> None:
    automaton, python = compile_pattern(pattern.ours, True), re.compile(pattern.python, re.IGNORECASE)
    assert compile_pattern(f"(?i:{pattern.ours})") == automaton
    for text in texts:
        assert accepts(automaton, text.encode()) == bool(python.search(text)), text


@settings(max_examples=300)
@given(st.text(alphabet="ab[](){}|*+?^$.\\-,:=!<>PQEdDwWbBzAZpLxX0129 \ud800éimsU", max_size=20), st.text(max_size=6))
def test_rul_20_any_text_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        automaton = compile_pattern(pattern)
    except ValueError as error:
        assert 0 <= error.args[1] <= len(pattern)
    else:
        assert accepts(automaton, text.encode("utf-8", "replace")) in (True, False)
