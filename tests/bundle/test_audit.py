"""What an audit's answer comes to: nothing found isn't the same as nothing looked up."""

from typing import Any

import pytest

from scripts import audit

CLEAN: dict[str, Any] = {"name": "mmh3", "version": "5.3.1", "vulns": []}
BAD = {"name": "yaml", "version": "1", "vulns": [{"id": "PYSEC-2"}, {"id": "CVE-1"}]}
SKIPPED = {"name": "boto3", "skip_reason": "Dependency not found and could not be audited"}


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ([CLEAN], 0, "1 distributions looked up, nothing known"),
        ([CLEAN, BAD], 1, "yaml 1: CVE-1, PYSEC-2"),
        ([SKIPPED, BAD], 1, "1 distributions with known"),
        ([CLEAN, SKIPPED], 2, "1 of 2 distributions weren't looked up"),
        ([], 2, "0 of 0"),
    ],
)
def test_sec_11_what_was_not_looked_up_is_not_called_clean(found: list[dict[str, Any]], status: int, words: str) -> None:
    given, lines = audit.verdict("functions.txt", found)
    assert given == status
    assert words in "\n".join(lines)
