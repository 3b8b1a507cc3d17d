"""The LaunchDarkly dialect: the payload that its service sends to server-side SDKs (docs/dialects/launchdarkly.md).

Imported by the registry only.
"""

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.launchdarkly.documents import translate_documents
from config_sync.ir import Project


def translate(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """Flags and segments of all documents as one project."""
    return translate_documents(sources, diagnostics)
