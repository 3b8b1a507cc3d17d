"""The flagd dialect: OpenFeature's flag definitions with JSONLogic targeting (docs/dialects/flagd.md).

One function per generation of ``fractional``; the dialects' names are ``flagd`` (v2), ``flagd@v1`` and ``flagd@v3``. Imported
by the registry only.
"""

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.flagd.documents import translate_documents
from config_sync.ir import Project
from evaluator.snapshot import opcodes as codes


def translate(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """flagd as it is since core 0.15: ``fractional`` in integers over text."""
    return translate_documents(sources, diagnostics, "flagd", codes.NODE_FRACTIONAL)


def translate_v1(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """flagd before core 0.15: ``fractional`` in floating point over text."""
    return translate_documents(sources, diagnostics, "flagd@v1", codes.NODE_FRACTIONAL_SIGNED)


def translate_v3(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """flagd to come: ``fractional`` in integers over the CBOR bytes of any value."""
    return translate_documents(sources, diagnostics, "flagd@v3", codes.NODE_FRACTIONAL_CBOR)
