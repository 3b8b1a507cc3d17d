"""Where configuration comes from: a file, a directory of files, or a mapping made in Python (a table's items, for one).

Every source ends as ``Source``: plain JSON types (dict with text keys, list, str, int, float, bool, None) and an origin.
``config_sync.compile`` calls ``read_sources``; nothing here knows a dialect.
"""

from config_sync.sources.reading import read_sources

__all__ = ["read_sources"]
