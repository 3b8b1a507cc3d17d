"""Builds the Cython core. Everything else about the distribution is in pyproject.toml.

``python setup.py generate`` only writes the two generated files: the C header and the Cython declarations of the codes and row
layouts, both made from ``evaluator/snapshot/opcodes.py`` and ``layout.py`` so that there is one table and not three.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent
FAST = ROOT / "evaluator" / "_fast"
SNAPSHOT = ROOT / "evaluator" / "snapshot"
MODULES = ("program", "load", "values", "hashing", "operators", "expressions", "walk", "answers", "evaluator")

# Optimisation by module: all but these run once a snapshot or for rare operators. They are compiled for size, and without
# Cython's own inlined copies of what CPython's API does as well.
LEVELS = {"walk": ["-O2"], "evaluator": ["-O2"], "answers": ["-O2"]}
SMALL = ["-Os", *(f"-DCYTHON_{name}=0" for name in ("USE_PYLONG_INTERNALS", "UNPACK_METHODS", "FAST_THREAD_STATE"))]

# -ffp-contract=off: arm64 compilers fuse a*b+c by default, and the twins must agree to the last bit.
# Section garbage collection and no unwind tables: a smaller file, and importing one is mostly mapping it.
COMPILE_ARGS = [
    "-ffp-contract=off", "-DNDEBUG", "-DCYTHON_CLINE_IN_TRACEBACK=0", "-fno-strict-aliasing",
    "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections",
    "-fno-asynchronous-unwind-tables", "-g0", "-Wno-unused-function", "-Wno-unreachable-code",
]  # fmt: skip
NO_SEPARATE_CODE = "-Wl,-z,noseparate-code"
LINK_ARGS = ["-Wl,--gc-sections", NO_SEPARATE_CODE, "-Wl,--as-needed", "-s"] if sys.platform.startswith("linux") else []
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
    "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "i32": "int32_t", "u64": "uint64_t", "i64": "int64_t",
    "f64": "double",
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
    header = [
        "/* Made by setup.py from evaluator/snapshot. */",
        "#ifndef BURGEE_GENERATED_H",
        "#define BURGEE_GENERATED_H",
        "#include <stdint.h>",
    ]
    declared = [
        "# Made by setup.py from evaluator/snapshot.",
        "from libc.stdint cimport *",
        "",
        'cdef extern from "generated.h" nogil:',
    ]
    header += [f"#define {name} {value}u" if value > 0x7FFFFFFF else f"#define {name} {value}" for name, value in codes.items()]
    declared += ["    enum:"] + [f"        {name}" for name, value in codes.items() if value <= 0x7FFFFFFF]
    declared += [f"    const uint32_t {name}" for name, value in codes.items() if value > 0x7FFFFFFF]
    for _, row in rows:
        header += (
            ["typedef struct {"] + [f"    {_C_TYPES[kind]} {field};" for field, kind in row.fields] + [f"}} {row.name}_row;"]
        )
        header += [f'_Static_assert(sizeof({row.name}_row) == {row.size}, "{row.name}");']
        declared += [f"    ctypedef struct {row.name}_row:"] + [
            f"        {_C_TYPES[kind]} {field}" for field, kind in row.fields
        ]
    for index, (name, row) in enumerate(sections):
        header += [f"#define SECTION_{name.upper()} {index}", f"#define SIZE_{name.upper()} {row.size}"]
        declared += [f"    const int SECTION_{name.upper()}", f"    const int SIZE_{name.upper()}"]
    header += [f"#define SECTION_COUNT {len(sections)}", "#endif"]
    declared += ["    const int SECTION_COUNT"]
    _write(FAST / "generated.h", header)
    _write(FAST / "generated.pxd", declared)


def extensions() -> list:
    """The core as one shared object (``evaluator/_fast/__init__.py`` loads it), or none where BURGEE_PURE=1 asks so."""
    if os.environ.get("BURGEE_PURE") == "1":
        return []
    from Cython.Build import cythonize
    from setuptools import Extension

    generate()
    sanitize = os.environ.get("BURGEE_SANITIZE", "")
    directives = DIRECTIVES | ({"boundscheck": True} if sanitize else {})
    modules = [Extension(f"evaluator._fast.{name}", [f"evaluator/_fast/{name}.pyx"]) for name in MODULES]
    translated = cythonize(modules, compiler_directives=directives, quiet=True)
    core = Extension(
        "evaluator._fast._core",
        [source for module in translated for source in module.sources],
        include_dirs=["evaluator/_fast"],
        depends=[str(path) for path in FAST.glob("*.h")],
        extra_compile_args=COMPILE_ARGS
        + (["-O1", "-g", f"-fsanitize={sanitize}", "-fno-omit-frame-pointer"] if sanitize else []),
        extra_link_args=[f"-fsanitize={sanitize}"] if sanitize else LINK_ARGS,
    )
    return [core]


def is_gcc(compiler: str) -> bool:
    """Whether link-time optimisation is to be had for certain: it folds the helpers that every Cython module has a copy of."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    return "Free Software Foundation" in version


def build_ext_class() -> type:
    """``build_ext`` with a level of optimisation per module: one shared object, but not one -O for all of it."""
    from setuptools import Extension
    from setuptools.command.build_ext import build_ext

    class BuildCore(build_ext):
        def build_extension(self, ext: Extension) -> None:
            compile_one = self.compiler._compile
            if "ziglang" in self.compiler.compiler_so:  # its linker has no such flag, and needs none for a small file
                ext.extra_link_args = [flag for flag in ext.extra_link_args if flag != NO_SEPARATE_CODE]
            if is_gcc(self.compiler.compiler_so[0]) and not os.environ.get("BURGEE_SANITIZE"):
                ext.extra_compile_args.append("-flto")
                ext.extra_link_args += ["-flto", "-flto-partition=one", "-O2"]

            def with_level(obj: str, src: str, ext: str, cc_args: list, extra_postargs: list, pp_opts: list) -> None:
                compile_one(obj, src, ext, cc_args, LEVELS.get(Path(src).stem, SMALL) + extra_postargs, pp_opts)

            self.compiler._compile = with_level
            super().build_extension(ext)

    return BuildCore


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        generate()
    else:
        from setuptools import setup

        setup(ext_modules=extensions(), cmdclass={"build_ext": build_ext_class()})
