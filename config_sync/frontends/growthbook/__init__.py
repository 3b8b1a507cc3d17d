"""The GrowthBook dialect: the SDK's payload (docs/dialects/growthbook.md). Imported by the registry only."""

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.growthbook.documents import translate_documents
from config_sync.ir import Project


def translate(sources: list[Source], diagnostics: Diagnostics) -> Project:
    return translate_documents(sources, diagnostics)
