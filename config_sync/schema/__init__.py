"""The JSON Schema of the native dialect, generated from its models, so that editors complete and check project files.

``python -m config_sync.schema`` writes it; ``native.schema.json`` beside this file is shipped, and a test compares the two.
"""

from config_sync.schema.generate import native_schema, native_schema_text

__all__ = ["native_schema", "native_schema_text"]
