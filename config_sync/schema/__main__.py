"""``python -m config_sync.schema``: the schema on standard output."""

import sys

from config_sync.schema import native_schema_text

sys.stdout.write(native_schema_text())
