"""The disassembly: every part of a snapshot shows, and equal bytes give equal text."""

import pytest

from config_sync import ir
from config_sync.disasm import disassemble
from evaluator import SnapshotError
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import check, compiled, flag, snapshot, when

EXPECTED = """\
flag "f", rank 1, reads the clock
  metadata {"owner": "me"}
  variant "off" = false
  variant "on" = true
  rule 1 "adults" (targeting_match): variant "on"
    0: GREATER_EQUAL: age >= 18
       true -> 1, else -> fail
    1: EQ_TEXT: plan = "pro"
       false -> 2, else -> fail
    2: PREREQUISITE: flag "base" answers one of "on"
       true -> match, else -> fail
    """


def test_rules_conditions_and_jumps_are_shown() -> None:
    not_pro = check("equal", "plan", "pro", negate=True)
    adults = when(ir.All((check("greater_equal", "age", 18), not_pro, ir.Prerequisite("base", ("on",)))), id="adults")
    later = when(ir.Test("now", None, 1_000_000, compare=codes.CMP_GE), "off")
    split = ir.Rule(ir.Split(ir.Bucketing(seed=7), (ir.Range(9, "on"), ir.Range(19, None))), codes.REASON_SPLIT)
    text = disassemble(snapshot(flag("base"), flag("f", adults, later, split, metadata={"owner": "me"})))
    shown = text[text.index('flag "f"') :]
    assert shown.startswith(EXPECTED.rstrip())
    assert "NOW: now >= 1970-01-01T00:00:01Z" in shown
    assert '(seed 7, targetingKey) of 2^32: 0-9 "on", 10-19 no answer, beyond next rule; without a unit an error' in shown
    assert shown.endswith('    always\n  default (default): variant "off"\n')


def test_the_header_counts_what_is_there() -> None:
    text = disassemble(snapshot(flag("f", check("equal", "p", 1)), metadata={"team": "web"}))
    first, second, third = text.splitlines()[:3]
    assert first.startswith("snapshot ") and "dialect native" in first
    assert second == 'metadata {"team": "web"}'
    assert third.startswith("sections flags 1, rules 1, conditions 1, outcomes 2, variants 2, attributes 1")


def test_tombstones_say_why() -> None:
    result = compiled(flag("f", check("matches", "p", "(")))
    text = disassemble(result.snapshot or b"")
    assert 'flag "f", tombstone\n  error: the pattern' in text and "default (parse_error)" in text


def test_what_no_core_loads_is_not_shown() -> None:
    with pytest.raises(SnapshotError):
        disassemble(b"BURGEE\r\n" + bytes(40))
