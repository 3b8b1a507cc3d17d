"""The pattern compiler against Python's ``re`` on the syntax that both share: generated patterns, generated texts."""

import re
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from config_sync.regex import Syntax, accepts, compile_pattern

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


WIDE = "abñЖ1٣_- \n\u00a0中😀"  # re and Rust agree about which of these are words, digits and spaces
WIDE_SETS = st.sampled_from(
    [same(text) for text in (".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[a-c]", "[^a]", r"[^\w]", r"[\d\-]", r"[^\s1]")]
    + [Pair(r"[[\w]&&[^a]]", r"(?!a)\w"), Pair(r"[\w--\d]", r"(?!\d)\w"), Pair(r"\p{Lowercase_Letter}", "[abñ]")]
    + [Pair(r"\u4e2d", "中"), Pair(r"\u{4e2d}", "中"), Pair(r"(?-u:\w)", "(?a:\\w)"), Pair("(?x: a # b\n)", "a")]
)
WIDE_ANCHORS = st.sampled_from(
    [Pair("^", r"\A"), Pair("$", r"\Z")]
    + [same(text) for text in ("(?m:^)", "(?m:$)", r"\b", r"\B", r"\b", r"\B")]
    + [Pair(r"\<", r"\b(?=\w)"), Pair(r"\b{end}", r"\b(?<=\w)"), Pair(r"\b{start-half}", r"(?<!\w)")]
    + [Pair(r"\b{end-half}", r"(?!\w)"), Pair(r"(?-u:\b)", r"(?a:\b)")]
)
WIDE_LETTERS = st.sampled_from([same(character) for character in WIDE])
WIDE_PATTERNS = st.recursive(st.one_of(WIDE_LETTERS, WIDE_SETS, WIDE_ANCHORS), compound, max_leaves=8)
WIDE_TEXTS = st.lists(st.text(alphabet=WIDE, max_size=8), min_size=TEXTS_PER_PATTERN, max_size=TEXTS_PER_PATTERN)


@settings(max_examples=200)
@given(WIDE_PATTERNS, WIDE_TEXTS)
@example(same(r"\bñ"), ["ñ", "añ", "-ñ", "中ñ", "😀ñ", "ñ😀", "", "ñ1"])
@example(Pair(r"(?:\b|\B)*ñ\b$", r"(?:\b|\B)*ñ\b\Z"), ["ñ", "añ", "ñ-", "ñ中", "ñ😀", "", "ñ\n", "ñ "])
def test_search_in_rusts_syntax_agrees_with_re(pattern: Pair, texts: list[str]) -> None:
    automaton, python = compile_pattern(pattern.ours, syntax=Syntax.RUST), re.compile(pattern.python)
    for text in texts:
        if text or r"\B" not in pattern.ours:
            assert accepts(automaton, text.encode()) == bool(python.search(text)), text


@settings(max_examples=300)
@given(st.text(alphabet="ab[](){}|*+?^$.\\-,:=!<>PQEdDwWbBzAZpLxX0129 \ud800éimsU&~#u", max_size=20), st.text(max_size=6))
def test_rul_20_any_text_compiles_or_is_refused(pattern: str, text: str) -> None:
    for syntax in Syntax:
        _compiles_or_is_refused(pattern, text, syntax)


def _compiles_or_is_refused(pattern: str, text: str, syntax: Syntax) -> None:
    try:
        automaton = compile_pattern(pattern, syntax=syntax)
    except ValueError as error:
        assert 0 <= error.args[1] <= len(pattern)
    else:
        assert accepts(automaton, text.encode("utf-8", "replace")) in (True, False)
