"""The native dialect: Burgee's own YAML and JSON, and the platform's table items (docs/dialects/native.md).

Wire models live in ``models`` and stay inside this package; everything else here translates them into the IR and says what is
wrong with them. Imported by the front ends' registry and, for the JSON Schema, by ``config_sync.schema``.
"""

from config_sync.frontends.native.document import translate

__all__ = ["translate"]
