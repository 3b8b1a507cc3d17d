"""Byte code to ship with sources: Lambda's code directory can't be written to, so without it every cold start compiles.

The files are PEP 552's unchecked, hash-based kind: no times in them, never looked at again once the magic number fits. What
doesn't fit (another Python) is ignored, and the source is compiled as ever.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping

from scripts.bundle import rules

CODE = "/var/task"
"""Where Lambda unpacks a bundle: the file names in tracebacks."""

# (path, source) -> byte code, or None for what doesn't compile: the functions share most of their files.
_KNOWN: dict[tuple[str, bytes], bytes | None] = {}

# In a process of its own: what marshal writes depends a little on which strings the process holds already.
_PROGRAM = f"""
import base64, _imp, importlib._bootstrap_external as external, json, sys
made = {{}}
for path, text in json.load(sys.stdin).items():
    source = base64.b64decode(text)
    try:
        code = compile(source, f"{CODE}/{{path}}", "exec", dont_inherit=True, optimize=0)
    except SyntaxError:
        continue
    key = _imp.source_hash(external._RAW_MAGIC_NUMBER, source)
    made[path] = base64.b64encode(external._code_to_hash_pyc(code, key, False)).decode()
json.dump(made, sys.stdout)
"""


def compiled(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Path -> byte code of the sources among these that compile. Raises RuntimeError under another Python than theirs."""
    if sys.version_info[:2] != rules.PYTHON:
        raise RuntimeError(f"byte code for Python {rules.PYTHON} can't be made by {sys.version_info[:2]}")
    wanted = {(path, source) for path, source in sources.items() if path.endswith(".py")}
    _compile(sorted(wanted - _KNOWN.keys()))
    return {_beside(path): code for path, source in wanted if (code := _KNOWN[path, source]) is not None}


def _compile(sources: list[tuple[str, bytes]]) -> None:
    """Puts the byte code of these into what is known."""
    texts = {path: base64.b64encode(source).decode() for path, source in sources}
    command = [sys.executable, "-I", "-W", "ignore", "-c", _PROGRAM]
    words = json.dumps(texts)
    done = subprocess.run(command, input=words, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "0"})
    made = json.loads(done.stdout)
    _KNOWN.update({key: base64.b64decode(made[key[0]]) if key[0] in made else None for key in sources})


def _beside(path: str) -> str:
    """Where an interpreter looks for a source's byte code."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}__pycache__/{name.removesuffix('.py')}.cpython-{rules.PYTHON[0]}{rules.PYTHON[1]}.pyc"
