"""Compiles floors.pyx here, with exactly the flags and directives that setup.py gives the core. Never shipped."""

import os
import runpy
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
os.chdir(HERE)
core = runpy.run_path(str(HERE.parent.parent / "setup.py"), run_name="core")
extension = Extension("floors", ["floors.pyx"], extra_compile_args=core["COMPILE_ARGS"], extra_link_args=core["LINK_ARGS"])
setup(
    name="floors",
    ext_modules=cythonize(  # type: ignore[no-untyped-call]
        [extension], compiler_directives=core["DIRECTIVES"], quiet=True, force=True
    ),
    script_args=["--quiet", "build_ext", "--inplace", "--force"],
)
