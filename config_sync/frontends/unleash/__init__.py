"""The Unleash dialect: the body of ``/api/client/features``, or of its delta (docs/dialects/unleash.md).

Imported by the registry only.
"""

from config_sync.frontends.unleash.documents import translate

__all__ = ["translate"]
