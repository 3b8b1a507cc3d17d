"""What a wheel of ours must be: light, for the machine and C library in its name, the same modules wherever it was built."""

import zipfile
from pathlib import Path

import pytest

from scripts import wheels
from tests.bundle.test_bundle import elf_file

NAME = "burgee-1-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"


def _wheel(place: Path, name: str = NAME, core: bytes | None = None, cores: int = 1) -> Path:
    path, data = place / name, elf_file() if core is None else core
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("evaluator/", "")
        made.writestr("evaluator/__init__.py", "")
        made.writestr("burgee-1.dist-info/METADATA", "")
        for number in range(cores):
            made.writestr(f"evaluator/_fast{number}/_core.cpython-313-aarch64-linux-gnu.so", data)
    return path


def test_a_wheel_that_is_as_its_name_says(tmp_path: Path) -> None:
    wheels.check(_wheel(tmp_path), "aarch64")


def test_a_wheel_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="isn't for glibc"):
        wheels.check(_wheel(tmp_path, NAME.replace("2_17", "2_34").replace("2014", "_2_28")), "aarch64")
    with pytest.raises(ValueError, match="isn't for glibc"):
        wheels.check(_wheel(tmp_path, "burgee-1-cp313-cp313-linux_aarch64.whl"), "aarch64")
    with pytest.raises(ValueError, match="is for x86_64"):
        wheels.check(_wheel(tmp_path, core=elf_file(machine=62)), "aarch64")
    with pytest.raises(ValueError, match=r"needs glibc 2\.28"):
        wheels.check(_wheel(tmp_path, core=elf_file(glibc="GLIBC_2.28")), "aarch64")
    with pytest.raises(ValueError, match="has 0 shared objects"):
        wheels.check(_wheel(tmp_path, cores=0), "aarch64")
    monkeypatch.setattr(wheels, "MOST", 100)
    with pytest.raises(ValueError, match="fewer than 100 are allowed"):
        wheels.check(_wheel(tmp_path), "aarch64")


def test_wheels_of_two_machines_have_the_same_modules(tmp_path: Path) -> None:
    other = _wheel(tmp_path, "other.whl", cores=0)
    with zipfile.ZipFile(other, "a") as made:
        made.writestr("evaluator/_fast0/_core.cpython-313-x86_64-linux-gnu.so", "")
    assert wheels.modules(_wheel(tmp_path)) == wheels.modules(other) == {"evaluator/__init__.py", "evaluator/_fast0/_core.so"}


def test_the_readmes_example_is_found() -> None:
    assert len(wheels._EXAMPLE.findall((wheels.ROOT / "README.md").read_text())) == 1
