"""What GitHub Actions runs: it is there, pinned, allowed little, and the same as what ``make ci`` runs here (PIP-01, 02)."""

import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.deploy import CDK
from tests.architecture.imports import ROOT

PLACE = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in PLACE.glob("*.yml"))
SECRETS = {"deploy.yml": {"BURGEE_SETTINGS", "BURGEE_SMOKE_KEY"}}  # no key of AWS's: a role is assumed by OIDC
WRITES = {("deploy.yml", "staging"): {"id-token"}, ("deploy.yml", "prod"): {"id-token"}}
# What ci.yml runs besides the legs of scripts/ci.sh, and why it is none of them.
BEYOND = {
    "audit": "asks the network",
    "synth": "needs Node.js; where there is some, tests/infra makes the same templates in the test leg",
    "test": "the secret scan by itself, so that it can't be lost among the others",
}
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")


@cache
def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((PLACE / name).read_text())
    return found


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(name)["jobs"]
    return found


def steps(name: str) -> list[tuple[str, dict[str, Any]]]:
    return [(job, step) for job, content in jobs(name).items() for step in content["steps"]]


def commands(name: str, only: str | None = None) -> list[str]:
    """Every command line, once for each combination of its job's matrix, with the matrix filled in."""
    found = []
    for job, content in jobs(name).items():
        if only in (None, job):
            matrix = content.get("strategy", {}).get("matrix", {})
            for values in product(*matrix.values()):
                text = "\n".join(step["run"] for step in content["steps"] if "run" in step).replace("\\\n", " ")
                for key, value in zip(matrix, values, strict=True):
                    text = text.replace(f"${{{{ matrix.{key} }}}}", str(value))
                found += [line.split("#")[0].strip() for line in text.splitlines()]
    return found


def verbs() -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def legs_here() -> set[str]:
    return set(
        re.findall(r"^(?:if named .*; then )?leg ([a-z][\w.-]*) ", (ROOT / "scripts" / "ci.sh").read_text(), re.MULTILINE)
    )


def legs_asked(name: str) -> list[str]:
    return [leg for line in commands(name) if line.startswith("scripts/ci.sh ") for leg in line.split()[1:]]


def test_there_are_two() -> None:
    assert NAMES == ["ci.yml", "deploy.yml"]


@pytest.mark.parametrize("name", NAMES)
def test_pip_01_what_they_call_is_there(name: str) -> None:
    lines = commands(name)
    assert len(lines) > 5
    for line in lines:
        assert "${{" not in line, f"{line}: an expression in a shell command; hand it over in env"
        for verb in re.findall(r"\bmake ((?:[a-z][a-z0-9-]* ?)+)", line):
            assert set(verb.split()) <= verbs(), line
        for script in re.findall(r"(?:^|\s)(scripts/\S+\.(?:sh|py))", line):
            assert (ROOT / script).is_file(), line
        for module in re.findall(r"-m (scripts\.\w+|pytest)", line):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file() or module == "pytest", line
        for path in re.findall(r"\btests/[\w/.]+", line):
            assert (ROOT / path).exists(), line


def test_pip_01_ci_runs_every_leg_that_runs_here() -> None:
    asked = legs_asked("ci.yml")
    assert len(legs_here()) > 12
    assert set(asked) == legs_here()
    once = [leg for leg in asked if leg not in ("setup", "build")]
    assert len(once) == len(set(once)), "a leg is run twice"


def test_pip_01_what_ci_runs_besides_is_written_down() -> None:
    verbs_asked = {verb for line in commands("ci.yml") for verb in re.findall(r"\bmake ([a-z0-9-]+)", line)}
    assert verbs_asked == set(BEYOND)


def test_pip_01_ci_runs_on_the_three_pythons() -> None:
    made = set()
    for content in jobs("ci.yml").values():
        for step in content["steps"]:
            if "setup-python" in step.get("uses", ""):
                version = step["with"]["python-version"]
                made |= set(content["strategy"]["matrix"]["python"]) if "matrix" in version else {version}
    assert made == {"3.11", "3.12", "3.13"}


def test_pip_01_one_job_stands_for_all() -> None:
    """The one that a branch is protected with: it needs every other, and fails when one was skipped."""
    last = jobs("ci.yml")["all"]
    others = set(jobs("ci.yml")) - {"all"}
    assert set(last["needs"]) == others
    assert last["if"] == "always()"
    assert last["steps"][0]["run"].count("success") == len(others)


@pytest.mark.parametrize("name", NAMES)
def test_pip_01_actions_are_pinned_by_commit(name: str) -> None:
    text = (PLACE / name).read_text()
    for _, step in steps(name):
        if "uses" in step:
            assert PINNED.match(step["uses"]), step["uses"]
            assert re.search(re.escape(step["uses"]) + r" # v\d+\.\d+\.\d+\b", text), f"{step['uses']}: of which version?"
    used = {step["uses"] for name in NAMES for _, step in steps(name) if "uses" in step}
    assert len(used) == len({each.split("@")[0] for each in used}), "one action in two versions"


@pytest.mark.parametrize("name", NAMES)
def test_sec_01_a_workflow_may_do_little(name: str) -> None:
    assert workflow(name)["permissions"] == {"contents": "read"}
    for job, content in jobs(name).items():
        permissions = content.get("permissions", {})
        assert isinstance(permissions, dict), f"{job}: {permissions}"
        assert {what for what, level in permissions.items() if level == "write"} == WRITES.get((name, job), set()), job
        assert content["timeout-minutes"] <= 90
        assert content["runs-on"] == "ubuntu-24.04"  # not `latest`, which changes by itself
    for _, step in steps(name):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", NAMES)
def test_sec_03_a_workflow_knows_only_these_secrets(name: str) -> None:
    text = (PLACE / name).read_text()
    assert set(re.findall(r"\bsecrets\b[.\[\s'\"]*(\w+)", text)) == SECRETS.get(name, set())
    assert "pull_request_target" not in text
    for _, step in steps(name):
        assert "{ secrets" not in str(step.get("run", "")) + str(step.get("with", "")), "only in env, where no log shows them"


@pytest.mark.parametrize("name", NAMES)
def test_pip_01_runs_of_one_kind_dont_meet(name: str) -> None:
    concurrency = workflow(name)["concurrency"]
    assert concurrency["group"]
    if name == "deploy.yml":
        assert concurrency["cancel-in-progress"] is False  # a deployment that is cancelled halfway is neither old nor new


def test_pip_02_staging_comes_first_and_somebody_agrees_before_production() -> None:
    found = jobs("deploy.yml")
    assert list(found) == ["bundle", "staging", "prod"]
    assert found["staging"]["needs"] == "bundle" and found["prod"]["needs"] == "staging"
    assert (found["staging"]["environment"], found["prod"]["environment"]) == ("staging", "production")
    assert "environment" not in found["bundle"]  # it can't enter AWS
    for stage in ("staging", "prod"):
        [line] = [line for line in commands("deploy.yml", stage) if "scripts.deploy" in line]
        assert f"scripts.deploy {stage} " in line and "--counted" in line


def test_pip_02_both_stages_get_the_same() -> None:
    """The bundles that staging has tried; the jobs differ by the stage's name alone."""
    found = jobs("deploy.yml")
    assert str(found["prod"]["steps"]).replace("prod", "staging") == str(found["staging"]["steps"])
    assert not any("make bundle" in line for stage in ("staging", "prod") for line in commands("deploy.yml", stage))
    assert any("download-artifact" in step.get("uses", "") for step in found["prod"]["steps"])


def test_sec_11_only_what_is_locked_runs_beside_the_role() -> None:
    """Whatever is installed in a job that can enter AWS could enter it too."""
    for stage in ("staging", "prod"):
        lines = commands("deploy.yml", stage)
        assert [verb for line in lines for verb in re.findall(r"\bmake (.+)", line)] == ["deployer"]
        assert not any(word in line for line in lines for word in ("pip ", "npx ", "npm ", "curl "))
        pythons = [word for line in lines for word in line.split() if "python" in word]
        assert pythons == ["build/deployer/bin/python"]
    assert "--require-hashes" in (ROOT / "scripts" / "tools.sh").read_text()
    assert re.fullmatch(r"aws-cdk@\d+\.\d+\.\d+", CDK)


def test_pip_02_the_deployment_takes_no_cache() -> None:
    """A cache may have been written by a run of another branch."""
    text = str(workflow("deploy.yml"))
    assert "actions/cache" not in text and "'cache'" not in text


def test_a_workflow_is_held_to_be_found() -> None:
    """So that the expressions above can't pass by finding nothing."""
    assert "scripts/ci.sh python-3.12" in commands("ci.yml")
    assert {"parity", "asan"} <= set(legs_asked("ci.yml"))
    assert Path(PLACE / "ci.yml").read_text().count("uses:") > 10
