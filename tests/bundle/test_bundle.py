"""A bundle's bytes, its byte code, what it may hold and what its manifest says; made of little wheels, without a network."""

import hashlib
import importlib.util
import json
import struct
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from scripts.bundle import bytecode, elf, rules
from scripts.bundle.archive import archive
from scripts.bundle.contents import Bundle, Parts, make
from scripts.bundle.fetch import read_wheel, with_requirements
from scripts.bundle.sbom import sbom

LAMBDAS = pytest.mark.skipif(sys.version_info[:2] != rules.PYTHON, reason="byte code is made by the Python that Lambda runs")


def elf_file(machine: int = 183, glibc: str = "GLIBC_2.17") -> bytes:
    """The least file that says this: a section of strings and one of needed versions."""
    strings = b"\0libc.so.6\0" + glibc.encode() + b"\0"
    needs = struct.pack("<HHIII", 1, 1, 1, 16, 0) + struct.pack("<IHHII", 0, 0, 2, 11, 0)
    dynamic = struct.pack("<QQ", 1, 1) + struct.pack("<QQ", 0, 0)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, 64, 0, 64, 0, 0, 64, 4, 0)
    start = 64 + 4 * 64
    sections = [(0, 0, 0, 0), (3, start, len(strings), 0), (0x6FFFFFFE, start + len(strings), len(needs), 1)]
    sections.append((6, start + len(strings) + len(needs), len(dynamic), 0))
    table = b"".join(
        struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, offset, size, 1 if kind > 3 else 0, info, 0, 0)
        for kind, offset, size, info in sections
    )
    return header + table + strings + needs + dynamic


def wheel(place: Path, name: str, requires: tuple[str, ...] = (), **files: bytes) -> Path:
    """A wheel with these files (``__`` for ``/``), and some that no function needs."""
    path = place / f"{name}-1.0-py3-none-any.whl"
    metadata = [f"Name: {name}", "Version: 1.0", "License-Expression: MIT", *(f"Requires-Dist: {line}" for line in requires)]
    held = {
        f"{name}-1.0.dist-info/METADATA": "\n".join(metadata).encode(),
        f"{name}-1.0.dist-info/RECORD": b"no longer true",
        f"{name}/tests/test_it.py": b"assert 0",
        f"{name}/it.pyi": b"",
    }
    path.write_bytes(archive(held | {file.replace("__", "/").replace("_dot_", "."): each for file, each in files.items()}))
    return path


def bundle(place: Path, hot: bool = True, signed: bool = False, **wheels: bytes) -> Bundle:
    """Of a handler that imports mmh3, and cryptography inside a function."""
    (place / "handlers").mkdir(exist_ok=True)
    (place / "handlers" / "__init__.py").touch()
    (place / "handlers" / "one.py").write_text("import mmh3\nimport evaluator._fast\n\ndef f():\n    import cryptography\n")
    (place / "evaluator" / "_fast").mkdir(parents=True, exist_ok=True)
    (place / "evaluator" / "__init__.py").touch()
    (place / "evaluator" / "_fast" / "__init__.py").touch()
    (place / "LICENSE").write_text("words")
    (place / "core.so").write_bytes(wheels.pop("core", elf_file()))
    found = [
        read_wheel(wheel(place, "mmh3", mmh3____init___dot_py=b"A = 1\n", **wheels)),
        read_wheel(
            wheel(place, "cryptography", ('cffi>=1; python_version >= "3"', 'no; extra == "x"'), cryptography__a_dot_py=b"")
        ),
        read_wheel(wheel(place, "cffi", cffi__a_dot_py=b"")),
    ]
    return make("one", "handlers.one", hot, Parts(place, place / "core.so", {each.name: each for each in found}, "9"), signed)


def test_pip_04_a_zip_depends_on_its_files_alone() -> None:
    files = {"b/c.py": b"x = 1\n", "a.py": b"y = 2\n" * 100}
    data = archive(files)
    assert data == archive(dict(reversed(files.items())))
    with zipfile.ZipFile(BytesIO(data)) as opened:
        entries = opened.infolist()
        assert [entry.filename for entry in entries] == ["a.py", "b/c.py"]
        assert {(entry.date_time, entry.external_attr >> 16, entry.create_system) for entry in entries} == {
            ((1980, 1, 1, 0, 0, 0), 0o100644, 3)
        }
        assert opened.read("a.py") == files["a.py"]


@LAMBDAS
def test_pip_04_a_bundle_made_twice_is_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    bytecode._KNOWN.clear()
    one = bundle(tmp_path / "a")
    bytecode._KNOWN.clear()
    assert one.data == bundle(tmp_path / "b").data


@LAMBDAS
def test_the_manifest_lists_every_file_of_the_zip(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    with zipfile.ZipFile(BytesIO(made.data)) as opened:
        listed = {name: (len(opened.read(name)), hashlib.sha256(opened.read(name)).hexdigest()) for name in opened.namelist()}
    assert {name: (each["bytes"], each["sha256"]) for name, each in made.manifest["files"].items()} == listed
    assert made.manifest["zip"]["sha256"] == hashlib.sha256(made.data).hexdigest()
    assert [each["name"] for each in made.manifest["distributions"]] == ["mmh3"]
    assert made.manifest["glibc"] == "2.17"
    assert f"evaluator/_fast/_core{rules.EXTENSION}" in listed
    assert not [name for name in listed if "tests" in name or name.endswith((".pyi", "RECORD"))]


@LAMBDAS
def test_signatures_are_checked_where_it_is_asked_for(tmp_path: Path) -> None:
    """A hot bundle leaves the library out and says so; a signed one, and any that isn't hot, has it with what it needs."""
    plain = bundle(tmp_path)
    assert set(plain.manifest["left_out"]) == {"cryptography"}
    for made in (bundle(tmp_path, signed=True), bundle(tmp_path, hot=False)):
        assert {each["name"] for each in made.manifest["distributions"]} == {"mmh3", "cryptography", "cffi"}
        assert made.manifest["left_out"] == {}


@LAMBDAS
def test_a_core_for_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"_core.* is for x86_64"):
        bundle(tmp_path, core=elf_file(machine=62))
    with pytest.raises(ValueError, match=r"with glibc 2\.36"):
        bundle(tmp_path, core=elf_file(glibc="GLIBC_2.36"))


@LAMBDAS
def test_byte_code_is_used_without_a_look_at_the_source(tmp_path: Path) -> None:
    """The point of it: a source that differs isn't noticed, so nothing is read, compared or compiled on a cold start."""
    files = bytecode.compiled({"place/it.py": b"VALUE = 'compiled'\n", "place/broken.py": b"(", "place/data.json": b"{}"})
    assert list(files) == ["place/__pycache__/it.cpython-313.pyc"]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "place" / "it.py").write_text("VALUE = 'source'\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from place import it; print(it.VALUE, it.__cached__)"
    done = subprocess.run([sys.executable, "-I", "-B", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("compiled ")
    spec = importlib.util.cache_from_source(str(tmp_path / "place" / "it.py"))
    assert done.stdout.split()[1] == spec


def test_what_an_elf_file_needs() -> None:
    assert elf.read_elf(elf_file()) == elf.Elf("aarch64", (2, 17), ("libc.so.6",))
    assert elf.read_elf(elf_file(62, "GLIBC_2.9")).glibc < elf.read_elf(elf_file(62, "GLIBC_2.34")).glibc
    assert elf.read_elf(elf_file(glibc="GLIBC_PRIVATE")).glibc == (0, 0)


@pytest.mark.parametrize("data", [b"", b"\x7fELF", elf_file()[:200], b"#!/bin/sh" * 20, b"\x7fELF\x01\x01" + bytes(100)])
def test_what_is_no_elf_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"ELF file"):
        elf.read_elf(data)


@pytest.mark.parametrize(
    ("files", "zipped", "hot", "expected"),
    [
        ({"handlers/a.py": b""}, 10, True, ""),
        ({"boto3/a.py": b""}, 10, False, ""),
        ({"boto3/a.py": b"", "yaml/b.py": b""}, 10, True, "it holds boto3, yaml"),
        ({"config_sync/a.py": b""}, 10, True, "it holds config_sync"),
        ({"burgee/a.py": b""}, 10, False, "it holds burgee"),
        ({"moto.py": b""}, 10, False, "it holds moto"),
        ({"numpy/x/tests/a.py": b""}, 10, False, "it holds numpy/x/tests/a.py"),
        ({}, 5_000_000, True, "fewer than 5,000,000"),
        ({}, 5_000_000, False, ""),
        ({}, 50_000_000, False, "fewer than 50,000,000"),
        ({"a": bytes(250_000_000)}, 10, False, "250,000,000 bytes unpacked"),
    ],
)
def test_inf_10_what_a_bundle_may_weigh_and_hold(files: dict[str, bytes], zipped: int, hot: bool, expected: str) -> None:
    found = rules.complaints(files, zipped, hot)
    assert expected in "; ".join(found)
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("botocore/data/dynamodb/2012-08-10/service-2.json.gz", False),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", True),
        ("botocore/data/endpoints.json", False),
        ("numpy/_core/tests/test_a.py", True),
        ("numpy/_core/_multiarray_umath.so", False),
        ("numpy-2.0.dist-info/METADATA", False),
        ("numpy-2.0.dist-info/licenses/LICENSE.txt", False),
        ("numpy-2.0.dist-info/RECORD", True),
        ("msgspec/__init__.pyi", True),
        ("a/__pycache__/b.cpython-313.pyc", True),
        ("p.data/scripts/tool", True),
        ("p.data/purelib/p/a.py", False),
        ("contest/latest.py", False),
    ],
)
def test_what_is_left_out_of_a_wheel(path: str, out: bool) -> None:
    assert rules.is_left_out(path, {"dynamodb"}) is out


def test_requirements_are_followed_with_their_markers(tmp_path: Path) -> None:
    wheels = {
        each.name: each
        for each in (
            read_wheel(wheel(tmp_path, "a", ("b[fast]>=1", 'w; sys_platform == "win32"'))),
            read_wheel(wheel(tmp_path, "b", ('c; extra == "fast"', 'd; extra == "slow"', 'e; platform_machine == "aarch64"'))),
            read_wheel(wheel(tmp_path, "c", ("A",))),
            read_wheel(wheel(tmp_path, "e")),
        )
    }
    assert list(with_requirements(["a"], wheels)) == ["a", "b", "c", "e"]
    with pytest.raises(KeyError):
        with_requirements(["b[slow]"], wheels)


@LAMBDAS
def test_sec_11_the_bill_of_materials_is_what_the_manifest_says(tmp_path: Path) -> None:
    made = bundle(tmp_path, hot=False)
    bill = sbom(made.manifest)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {each["purl"]: each["hashes"][0]["content"] for each in bill["components"]} == {
        f"pkg:pypi/{each['name']}@1.0": each["sha256"] for each in made.manifest["distributions"]
    }
    assert bill["metadata"]["component"]["hashes"][0]["content"] == made.manifest["zip"]["sha256"]
    assert {each["ref"] for each in bill["dependencies"]} == {
        each["bom-ref"] for each in [*bill["components"], bill["metadata"]["component"]]
    }
    assert json.dumps(bill) == json.dumps(sbom(bundle(tmp_path, hot=False).manifest))
