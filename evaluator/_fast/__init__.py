"""The Cython core. Its modules are compiled into one shared object, which is loaded once, when this package is imported.

A file a module would cost a quarter of a millisecond each to find and map, and the same boilerplate many times over
(docs/decisions/0002-one-shared-object.md). Imported by ``evaluator._backend`` only. Where the core wasn't compiled the package
is empty, and importing ``evaluator._fast.evaluator`` says so.
"""

import os
from _frozen_importlib import ModuleSpec, _load  # importlib's own, already in every interpreter: importing importlib costs 1 ms
from _frozen_importlib_external import EXTENSION_SUFFIXES, ExtensionFileLoader

# In an order in which each finds those it needs.
_MODULES = ("program", "load", "values", "hashing", "operators", "expressions", "walk", "answers", "evaluator")


def _shared_object() -> str | None:
    """The path of the compiled core for this interpreter, or None."""
    base = os.path.join(os.path.dirname(__file__), "_core")
    return next((base + suffix for suffix in EXTENSION_SUFFIXES if os.path.exists(base + suffix)), None)


def _load_modules(path: str) -> None:
    """Initialises the modules of the shared object, each of which finds those before it in ``sys.modules``."""
    for name in _MODULES:
        full_name = f"{__name__}.{name}"
        spec = ModuleSpec(full_name, ExtensionFileLoader(full_name, path), origin=path)
        spec.has_location = True
        globals()[name] = _load(spec)


_path = _shared_object()
if _path is not None:
    _load_modules(_path)
