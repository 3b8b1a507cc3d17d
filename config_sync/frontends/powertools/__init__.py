"""The Powertools dialect: feature flags of Powertools for AWS Lambda (Python), also AWS AppConfig's free-form profile.

One function per generation of the rules; the dialects' names are ``powertools`` (releases from 3.35 on) and ``powertools@3.34``
(all before): docs/dialects/powertools.md. Imported by the registry only.
"""

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.powertools.documents import translate_documents
from config_sync.ir import Project


def translate(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """As it is since 3.35: a key that the context doesn't have satisfies no condition."""
    return translate_documents(sources, diagnostics, "powertools", missing_is_null=False)


def translate_3_34(sources: list[Source], diagnostics: Diagnostics) -> Project:
    """As it was until 3.34: a key that the context doesn't have counts as null."""
    return translate_documents(sources, diagnostics, "powertools@3.34", missing_is_null=True)
