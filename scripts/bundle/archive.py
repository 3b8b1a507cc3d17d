"""Zip files that are the same bytes whenever and wherever they are written: sorted names, one time, one mode."""

import zipfile
from collections.abc import Mapping
from io import BytesIO

EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that the format can say
_UNIX, _REGULAR = 3, 0o100000
_MODE = 0o644  # a shared object is mapped, not executed


def archive(files: Mapping[str, bytes]) -> bytes:
    """The zip of path -> content. The paths are relative, with ``/`` between their parts."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = _UNIX  # whatever this machine is
            entry.external_attr = (_REGULAR | _MODE) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()
