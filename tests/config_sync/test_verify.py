"""Verification: the cores that are here agree, the contexts reach the rules, and a disagreement would be seen."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from config_sync import ir, verify
from evaluator import Evaluator, SnapshotError
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import check, flag, snapshot


def project() -> bytes:
    conditions = [
        check("equal", "plan", "pro"),
        check("one_of", "id", tuple(f"customer-{number}" for number in range(30))),
        check("one_of", "country", ("DE", "FR")),
        check("one_of", "level", (1, 2, 3)),
        check("greater_equal", "age", 18),
        check("distance", "place", ir.Place(52.5, 13.4, 10), compare=codes.CMP_LE),
        check("time", "born", 0, compare=codes.CMP_GE),
        check("contains_any", "roles", ("admin",)),
        ir.Test("equal", ir.Attribute("device.os", ("device", "os")), "ios"),
    ]
    split = ir.Rule(ir.Split(ir.Bucketing(), (ir.Range(2**31, "on"), ir.Range(2**32 - 1, "off"))), codes.REASON_SPLIT)
    return snapshot(*(flag(f"f{number}", condition) for number, condition in enumerate(conditions)), flag("split", split))


def test_all_cores_here_agree() -> None:
    found = verify.verify(project())
    assert found.ok, found.differences[:3]
    expected = ("pure",) if os.environ.get("BURGEE_PURE") == "1" else verify.CORES
    assert found.cores == expected and found.evaluations == verify.SAMPLES * 10


def test_sampled_contexts_reach_every_rule_and_its_opposite() -> None:
    evaluator = Evaluator(project())
    answers: dict[str, set[bool]] = {}
    for context in verify.sample_contexts(project(), verify.SAMPLES):
        for key in evaluator.flag_keys():
            answers.setdefault(key, set()).add(evaluator.boolean(key, context, False))
    assert all(seen == {True, False} for seen in answers.values()), answers


def test_the_same_seed_gives_the_same_contexts() -> None:
    assert verify.sample_contexts(project(), 20, 1) == verify.sample_contexts(project(), 20, 1)
    assert verify.sample_contexts(project(), 20, 1) != verify.sample_contexts(project(), 20, 2)


def test_contexts_may_be_given() -> None:
    assert verify.verify(project(), [{"plan": "pro"}, {}]).evaluations == 20


@pytest.mark.parametrize(("answers", "contexts"), [(50, 5), (1, 2), (10**6, verify.SAMPLES)])
def test_a_larger_snapshot_gets_fewer_questions(monkeypatch: pytest.MonkeyPatch, answers: int, contexts: int) -> None:
    """Somebody waits for the publish, and the pure core takes its time."""
    monkeypatch.setattr(verify, "ANSWERS", answers)
    assert verify.verify(project()).evaluations == 10 * contexts


class Contrary:
    """A core that gives one flag the opposite value."""

    def __init__(self, data: bytes) -> None:
        self._real = Evaluator(data)

    def evaluate_all(self, context: Any, keys: Any, now: Any) -> dict[str, Any]:
        answers = dict(self._real.evaluate_all(context, keys, now))
        right = answers["f0"]
        fields = {name: getattr(right, name) for name in ("variant", "reason_code", "rule", "bucket", "error_code")}
        answers["f0"] = SimpleNamespace(value=not right.value, **fields)
        return answers

    def evaluate_all_json(self, context: Any, now: Any) -> bytes:
        return b"{}"


def test_a_disagreement_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {"evaluator._pure.evaluator": SimpleNamespace(Evaluator=Contrary)}
    monkeypatch.setattr(verify, "CORES", ("pure", "other"))
    monkeypatch.setattr(verify, "find_spec", lambda name: True)
    monkeypatch.setattr(verify, "import_module", lambda name: modules.get(name, SimpleNamespace(Evaluator=Evaluator)))
    found = verify.verify(project(), [{"plan": "pro"}])
    assert not found.ok
    assert [(item.key, item.field) for item in found.differences] == [("f0", "value"), ("", "json")]
    assert found.differences[0].answers == {"pure": "False", "other": "True"}


def test_a_spoiled_snapshot_is_refused() -> None:
    with pytest.raises(SnapshotError):
        verify.verify(project()[:-1])
