"""Random questions to a vendor's own engine and to ours, and what is told of those that they answer differently.

A dialect's module here has four names; it imports the vendor's packages inside ``theirs`` only, so that all the rest is tested
without them:

- ``REQUIRES``: dialect → what its engine is installed from (with ranges; the extra ``differential`` names them too).
- ``generate(random) -> list[Question]``: a few questions of one random document (the same object in all of them). Documents are
  the vendor's; contexts are ours, as ``Evaluator`` takes them.
- ``theirs(document, dialect) -> Callable[[Question], Answer]``: the vendor's engine holding the document. It may raise Refused.
- ``explained(dialect, question, found, answer) -> str | None``: why a disagreement (theirs, ours) is as it should be, in a few
  words that docs/dialects/<dialect>.md says more about; None if it isn't known.

Two more are there where they are needed: ``reasons_agree(theirs, ours)`` where the vendor's reasons have words of their own,
``COMPILED_AS`` (dialect → dialect) where documents are of another dialect than the name says.
"""

import importlib
import json
import operator
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from types import ModuleType
from typing import Any, NamedTuple, Protocol


class Refused(Exception):
    """The vendor's engine doesn't take the document."""


class Question(NamedTuple):
    """``kind`` is what a caller asks for: boolean, string, integer, number or object; "" is the value, whatever it is.

    ``now`` is the clock in epoch ms, for dialects that ask it.
    """

    document: dict[str, Any]
    key: str
    context: dict[str, Any]
    kind: str = ""
    now: int | None = None


class Answer(NamedTuple):
    """A value (None: no answer), and where the vendor tells them in our words, the variant and the reason."""

    value: Any
    variant: Any = ...
    reason: Any = ...


class Disagreement(NamedTuple):
    """A question, both answers and, if it is a known one, why."""

    dialect: str
    question: Question
    theirs: Answer
    ours: Answer
    why: str | None

    def line(self) -> str:
        """As JSON, with what it takes to ask again."""
        told = self.question._asdict() | {"dialect": self.dialect, "theirs": _told(self.theirs), "ours": _told(self.ours)}
        return json.dumps(told | ({"why": self.why} if self.why else {}), ensure_ascii=False)


def _told(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer._asdict().items() if value is not ...}


class Tally(NamedTuple):
    """What a run came to."""

    asked: int
    refused: int
    explained: dict[str, int]
    unexplained: int

    def summary(self, dialect: str) -> str:
        agreed = self.asked - self.unexplained - sum(self.explained.values())
        told = "".join(f"\n  {count:,} × {why}" for why, count in sorted(self.explained.items(), key=lambda item: -item[1]))
        documents = f"; {self.refused:,} documents refused by the vendor" if self.refused else ""
        return (
            f"{dialect}: {self.asked:,} cases, {agreed:,} agree, {sum(self.explained.values()):,} differ as documented, "
            f"{self.unexplained:,} disagree{documents}{told}"
        )


Engine = Callable[[Question], Answer]


class Dialect(Protocol):
    """A dialect's module."""

    REQUIRES: dict[str, list[str]]

    def generate(self, random: Random) -> list[Question]: ...
    def theirs(self, document: dict[str, Any], dialect: str) -> Engine: ...
    def explained(self, dialect: str, question: Question, found: Answer, answer: Answer) -> str | None: ...


def module_of(dialect: str) -> Any:
    """The module of a dialect (``flagd@v3`` is in that of flagd). Raises ModuleNotFoundError."""
    return importlib.import_module(f"tests.differential.{dialect.partition('@')[0]}")


def compiled_as(dialect: str, module: Any = None) -> str:
    """The dialect that documents are compiled as; ``module`` is that of the dialect."""
    names: dict[str, str] = getattr(module or module_of(dialect), "COMPILED_AS", {})
    return names.get(dialect, dialect)


def ours(document: dict[str, Any], dialect: str, core: ModuleType) -> Engine:
    """One of our cores holding the document. Raises AssertionError if nothing is compiled: a mistake loses one flag."""
    from config_sync import compile_project

    result = compile_project(document, dialect=dialect)
    assert result.snapshot is not None, [f"{item.code}: {item.message}" for item in result.diagnostics]
    evaluator = core.Evaluator(result.snapshot)

    def ask(question: Question) -> Answer:
        found = evaluator.evaluate(question.key, question.context, question.now)
        value = found.value
        if question.kind and value is not None:
            value = getattr(evaluator, question.kind)(question.key, question.context, None, question.now)
        return Answer(value, found.variant, found.reason)

    return ask


def agree(theirs: Answer, ours: Answer, reasons: Callable[[Any, Any], bool] = operator.eq) -> bool:
    """Whether the answers are one: 10 is 10.0 but True isn't 1; variant and reason are compared where the vendor has them."""
    variants = theirs.variant is ... or theirs.variant == ours.variant
    return same(theirs.value, ours.value) and variants and (theirs.reason is ... or reasons(theirs.reason, ours.reason))


def same(one: Any, other: Any) -> bool:
    """JSON equality."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


class Run:
    """A number of cases of one dialect; iterating gives the disagreements, ``tally`` is then complete."""

    def __init__(self, dialect: str, core: ModuleType, module: Dialect | None = None) -> None:
        self._dialect, self._core = dialect, core
        self._module: Dialect = module or module_of(dialect)
        self._asked = self._refused = self._unexplained = 0
        self._explained: Counter[str] = Counter()

    @property
    def tally(self) -> Tally:
        return Tally(self._asked, self._refused, dict(self._explained), self._unexplained)

    def random(self, cases: int, seed: int) -> Iterator[Disagreement]:
        """Asks ``cases`` random questions at least. Every document has random numbers of its own, named by the seed."""
        document = tries = 0
        while self._asked < cases:
            yield from self.ask(self._module.generate(Random(f"{seed} {document}")))
            document += 1
            tries = tries + 1 if self._asked == 0 else 0
            if tries > 1_000:
                raise ValueError(f"{self._dialect}: of {tries} documents none could be asked")

    def ask(self, questions: list[Question]) -> Iterator[Disagreement]:
        """Questions of one document."""
        document = questions[0].document
        mine = ours(document, compiled_as(self._dialect, self._module), self._core)
        try:
            engine = self._module.theirs(document, self._dialect)
        except Refused:
            self._refused += 1
            return
        for question in questions:
            self._asked += 1
            found, answer = engine(question), mine(question)
            if not agree(found, answer, getattr(self._module, "reasons_agree", operator.eq)):
                why = self._module.explained(self._dialect, question, found, answer)
                self._explained.update([why] if why else [])
                self._unexplained += why is None
                yield Disagreement(self._dialect, question, found, answer, why)
