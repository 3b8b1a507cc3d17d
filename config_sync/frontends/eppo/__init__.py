"""The Eppo dialect: universal flag configurations (UFC), as Eppo and Datadog serve them (docs/dialects/eppo.md).

Imported by the registry only.
"""

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.eppo.documents import translate_documents
from config_sync.ir import Project


def translate(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """All documents as one project; of a key in several documents the last one counts."""
    return translate_documents(sources, diagnostics)
