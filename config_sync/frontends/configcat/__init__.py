"""The ConfigCat dialect: config JSON v6, as its server hands it to SDKs (docs/dialects/configcat.md).

Imported by the registry only.
"""

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.configcat.documents import read_settings
from config_sync.frontends.configcat.flags import FlagWriter
from config_sync.ir import Project

DIALECT = "configcat"


def translate(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """All documents as one project; of a key in several documents the last one counts."""
    return Project(DIALECT, FlagWriter(read_settings(sources, diagnostics)).flags())
