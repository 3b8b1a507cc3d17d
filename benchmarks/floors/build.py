"""Compiles floors.pyx here, with the directives and flags that setup.py gives the core's hottest module. Never shipped.

The core's flags for a smaller file are left out: nothing is to slow a floor down.
"""

import os
import runpy
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
os.chdir(HERE)
core = runpy.run_path(str(HERE.parent.parent / "setup.py"), run_name="core")
flags = ["-O3", *(flag for flag in core["COMPILE_ARGS"] if flag not in core.get("SMALLER", ()))]
extension = Extension("floors", ["floors.pyx"], extra_compile_args=flags, extra_link_args=core["LINK_ARGS"])
setup(
    name="floors",
    ext_modules=cythonize(  # type: ignore[no-untyped-call]
        [extension], compiler_directives=core["DIRECTIVES"], quiet=True, force=True
    ),
    script_args=["--quiet", "build_ext", "--inplace", "--force"],
)
