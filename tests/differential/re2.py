"""Our regular expressions against RE2's own (``google-re2``): random patterns, each in a flag of its own, over random texts.

docs/regex.md says what is refused here that RE2 takes. What both take must mean the same, and what RE2 refuses we must refuse.
"""

from random import Random
from typing import Any

from tests.differential.harness import Answer, Engine, Question

REQUIRES = {"re2": ["google-re2>=1.1,<2"]}
COMPILED_AS = {"re2": "native"}

LETTERS = "aabbcAB01_ -.\nékßſKé日😀\u1e9e"
_ATOMS = r"""
a b c A B 0 1 _ - é ß k 日 😀 . . ^ $ \d \D \w \W \s \S \b \B \A \z \n \t \. \- \_ \/ \x41 \x{e9} \x{1F600} \101 \07
\Qa.b\E \Q \pL \p{Lu} \P{Nd} \p{^L} \pN \p{Ll} [abc] [^abc] [a-c] [^a-cA] [[:alpha:]] [[:^digit:]] [^[:word:]] [\d_] [\w-]
[a\-c] []a] [^]a] [\pLx] [é-ü] [a-] [-a] [.] [\n\x20] [\x{e8}-\x{ea}] [\S] [k] [ß] [^\P{L}] [a-z&&b]
"""
_STRANGE = r"""
\Z \G \C \X \R \K \h \1 \k<a> \u0041 \e \E \p{Greek} \pX \p{Foo} (?=a) (?!a) (?<=a) (?>a) (?|a) a** a++ a*+ a?+ a{2}{3} *a + ?
{2} a{,2} a{2 a{ { [b-a] [a ] [[:foo:]] [[:alpha:] [a-\d] [ ( ) () (|a) || \ \x \x4 \x{110000} (?P<n>a) (?<n>b) (?P<n>a)(?P<n>b)
(?P<>a) (?P<1>a) (?i) (?-i) (?m) (?s) (?U) (?u) (?x) (?) (?-) (?i-s:a.) a{1001} a{0} a{0,0} (a{30}){30} (?:a{100}){11} a{2,1} \8
\08 (?i:k) (?i:ſ) (?i:[^k]) (?m:^a$) (?s:.) (?P<é>a) (?P<a-b>a) a{1,1001} (?i:é) (?i)ǅ \p{L}{2} [[:word:]-z] [\d-z] [a-\x{e9}]
\x{} \p \pé (?i (?i-: (?U-i:a) [\b] [\Qa\E] [^] [] [^\n] (?m)* \Q\E* \pLu \p{^Lu} \P{^L} (?i:\PL) (?i:[[:lower:]]) (?i:\p{Lu})
"""
ATOMS = (*_ATOMS.split(), " ")
STRANGE = (*_STRANGE.split(), "\x00", "")


def generate(chance: Random) -> list[Question]:
    """One pattern and eight texts, some of which are made of its own letters."""
    pattern = alternation(chance, chance.choice((1, 2, 2, 3)))
    if chance.random() < 0.15:
        pattern = chance.choice(("(?i)", "(?m)", "(?s)", "(?is)", "(?im)")) + pattern
    test = {"attribute": "text", "operator": "matches", "value": pattern}
    flag = {"type": "boolean", "default": "off", "rules": [{"when": test, "variant": "on"}]}
    document: dict[str, Any] = {"flags": {"flag": flag}}
    return [Question(document, "flag", {"text": text(chance, pattern)}) for _ in range(8)]


def alternation(chance: Random, depth: int) -> str:
    return "|".join(sequence(chance, depth) for _ in range(chance.choice((1, 1, 1, 1, 2))))


def sequence(chance: Random, depth: int) -> str:
    return "".join(repeated(chance, depth) for _ in range(chance.choice((0, 1, 1, 2, 3))))


def repeated(chance: Random, depth: int) -> str:
    luck = chance.random()
    if depth > 1 and luck < 0.3:
        opening = chance.choice(("(", "(?:", "(?:", "(?i:", "(?s:", "(?m:", "(?-i:"))
        atom = f"{opening}{alternation(chance, depth - 1)})"
    else:
        atom = chance.choice(STRANGE if luck > 0.93 else ATOMS)
    return atom + chance.choice(("", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "*?", "+?", "{2,}"))


def text(chance: Random, pattern: str) -> str:
    letters = LETTERS if chance.random() < 0.5 else pattern + LETTERS[:6]
    return "".join(chance.choice(letters) for _ in range(chance.choice((0, 1, 2, 3, 5, 8, 13))))


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """RE2's search, as the flag would answer; a pattern that it refuses is a flag with an error."""
    compiled, _ = _in_re2(_pattern(document))

    def ask(question: Question) -> Answer:
        if compiled is None:
            return Answer(False, reason="ERROR")
        found = compiled.search(question.context["text"]) is not None
        return Answer(found, reason="TARGETING_MATCH" if found else "DEFAULT")

    return ask


def _in_re2(pattern: str) -> tuple[Any, str]:
    """The compiled pattern and "", or None and what RE2 says."""
    import re2  # type: ignore[import-not-found]

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options), ""
    except re2.error as error:
        return None, error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """A pattern that only one of the two takes, for one of the reasons that docs/regex.md has."""
    from config_sync.regex import PatternError, compile_pattern

    pattern = _pattern(question.document)
    if "ERROR" not in (found.reason, answer.reason):
        return r"\B isn't found inside a character" if r"\B" in pattern and not question.context["text"].isascii() else None
    try:
        compile_pattern(pattern)
    except PatternError as refusal:
        return next((f"refused here: {what}" for what, words in _REFUSED.items() if words in str(refusal)), None)
    message = _in_re2(pattern)[1]
    return next((f"taken here: {what}" for what, words in _TAKEN.items() if words in message), None)


_REFUSED = {
    "a repetition of a repetition": "one repetition follows another",
    "a repetition of nothing, which RE2 takes for one of what stands before": "nothing to repeat",
    "two groups of one name": "two groups are named",
    "a script": "no general category is named",
    "a single byte": "\\C (one byte)",
    "too large": "too large",
}
_TAKEN = {
    "(?u)": "invalid perl operator: (?u",
    "counts that multiply to more than 1,000": "invalid repetition size",
}


def _pattern(document: dict[str, Any]) -> str:
    pattern: str = document["flags"]["flag"]["rules"][0]["when"]["value"]
    return pattern
