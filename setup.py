"""Builds the Cython core. Everything else about the distribution is in pyproject.toml.

``python setup.py generate`` only writes the two generated files: the C header and the Cython declarations of the codes and row
layouts, both made from ``evaluator/snapshot/opcodes.py`` and ``layout.py`` so that there is one table and not three.
"""

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parent
FAST = ROOT / "evaluator" / "_fast"
SNAPSHOT = ROOT / "evaluator" / "snapshot"
MODULES = ("hashing", "msgpack", "program", "load", "values", "expressions", "operators", "walk", "evaluator")
COLD = ("hashing", "msgpack", "program", "load")  # built for size: they run once per snapshot

# -ffp-contract=off: arm64 compilers fuse a*b+c by default, and the twins must agree to the last bit.
# Section garbage collection and no unwind tables: a smaller file, and importing one is mostly mapping it.
COMPILE_ARGS = [
    "-O3", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections",
    "-fno-asynchronous-unwind-tables", "-g0", "-Wno-unused-function", "-Wno-unreachable-code",
]  # fmt: skip
LINK_ARGS = ["-Wl,--gc-sections", "-Wl,-z,noseparate-code", "-Wl,--as-needed", "-s"] if sys.platform.startswith("linux") else []
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "auto_pickle": False,
    "binding": False,
    "embedsignature": False,
}
_C_TYPES = {
    "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "i32": "int32_t", "u64": "uint64_t", "i64": "int64_t", "f64": "double",
}  # fmt: skip


def _write(path: Path, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text() != text:  # an unchanged file keeps its time, so nothing is rebuilt for it
        path.write_text(text)


def generate() -> None:
    """Writes ``generated.h`` and ``generated.pxd`` from the opcode table and the row layouts."""
    codes = {k: v for k, v in runpy.run_path(str(SNAPSHOT / "opcodes.py")).items() if k[0] != "_" and isinstance(v, int)}
    sections = runpy.run_path(str(SNAPSHOT / "layout.py"))["SECTIONS"]
    rows = [(name, row) for name, row in sections if len(row.fields) > 1]
    header = ["/* Made by setup.py from evaluator/snapshot. */", "#ifndef BURGEE_GENERATED_H", "#define BURGEE_GENERATED_H", "#include <stdint.h>"]
    declared = ["# Made by setup.py from evaluator/snapshot.", "from libc.stdint cimport *", "", 'cdef extern from "generated.h" nogil:']
    header += [f"#define {name} {value}u" if value > 0x7FFFFFFF else f"#define {name} {value}" for name, value in codes.items()]
    declared += ["    enum:"] + [f"        {name}" for name, value in codes.items() if value <= 0x7FFFFFFF]
    declared += [f"    const uint32_t {name}" for name, value in codes.items() if value > 0x7FFFFFFF]
    for _, row in rows:
        header += ["typedef struct {"] + [f"    {_C_TYPES[kind]} {field};" for field, kind in row.fields] + [f"}} {row.name}_row;"]
        header += [f'_Static_assert(sizeof({row.name}_row) == {row.size}, "{row.name}");']
        declared += [f"    ctypedef struct {row.name}_row:"] + [f"        {_C_TYPES[kind]} {field}" for field, kind in row.fields]
    for index, (name, row) in enumerate(sections):
        header += [f"#define SECTION_{name.upper()} {index}", f"#define SIZE_{name.upper()} {row.size}"]
        declared += [f"    const int SECTION_{name.upper()}", f"    const int SIZE_{name.upper()}"]
    header += [f"#define SECTION_COUNT {len(sections)}", "#endif"]
    declared += ["    const int SECTION_COUNT"]
    _write(FAST / "generated.h", header)
    _write(FAST / "generated.pxd", declared)


def extensions() -> list:
    """The extension modules, or none where BURGEE_PURE=1 asks for the pure twin only."""
    if os.environ.get("BURGEE_PURE") == "1":
        return []
    from Cython.Build import cythonize
    from setuptools import Extension

    generate()
    sanitize = os.environ.get("BURGEE_SANITIZE", "")
    extra = ["-O1", "-g", f"-fsanitize={sanitize}", "-fno-omit-frame-pointer"] if sanitize else []
    directives = DIRECTIVES | ({"boundscheck": True} if sanitize else {})
    built = [
        Extension(
            f"evaluator._fast.{name}",
            [f"evaluator/_fast/{name}.pyx"],
            include_dirs=["evaluator/_fast"],
            depends=[str(p) for p in FAST.glob("*.h")],
            define_macros=[("CYTHON_CLINE_IN_TRACEBACK", "0")],
            extra_compile_args=COMPILE_ARGS + (["-Os"] if name in COLD else []) + extra,
            extra_link_args=[f"-fsanitize={sanitize}"] if sanitize else LINK_ARGS,
        )
        for name in MODULES
        if (FAST / f"{name}.pyx").exists()
    ]
    return cythonize(built, compiler_directives=directives, quiet=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        generate()
    else:
        from setuptools import setup

        setup(ext_modules=extensions(), options={"build_ext": {"parallel": os.cpu_count()}})
