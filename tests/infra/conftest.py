"""The templates of all stages, synthesised once for the whole run, whichever workers ask."""

import fcntl
import shutil
from pathlib import Path

import pytest

from infra import golden


class Assembly:
    """What CDK has made. ``said``: empty, or why it hasn't."""

    def __init__(self, out: Path, said: str) -> None:
        self.out = out
        self.said = said

    def template(self, stage: str) -> dict[str, dict[str, dict[str, object]]]:
        assert not self.said, self.said
        return golden.template(self.out, f"burgee-{stage}")


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Assembly:
    if shutil.which("node") is None:
        pytest.skip("CDK runs in Node.js, and there is no node on the path: apt-get install nodejs")
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    out, told = shared / "cdk", shared / "cdk.said"
    with (shared / "cdk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(golden.synthesise(out))
    return Assembly(out, told.read_text())
