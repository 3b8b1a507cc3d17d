"""The dialects by name, one line each; a front end is imported when asked for. Used by ``config_sync.compile`` and tools."""

from importlib import import_module

from config_sync.frontends.base import FrontEnd

DIALECTS: dict[str, str] = {
    "native": "config_sync.frontends.native:translate",
    "flagd": "config_sync.frontends.flagd:translate",
    "flagd@v1": "config_sync.frontends.flagd:translate_v1",
    "flagd@v3": "config_sync.frontends.flagd:translate_v3",
    "growthbook": "config_sync.frontends.growthbook:translate",
    "configcat": "config_sync.frontends.configcat:translate",
    "eppo": "config_sync.frontends.eppo:translate",
    "powertools": "config_sync.frontends.powertools:translate",
    "powertools@3.34": "config_sync.frontends.powertools:translate_3_34",
    "unleash": "config_sync.frontends.unleash:translate",
    "launchdarkly": "config_sync.frontends.launchdarkly:translate",
}


def front_end(dialect: str) -> FrontEnd | None:
    """The dialect's front end; None if there is no such dialect."""
    place = DIALECTS.get(dialect)
    if place is None:
        return None
    module, _, name = place.partition(":")
    translate: FrontEnd = getattr(import_module(module), name)
    return translate
