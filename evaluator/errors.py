"""The errors that ``evaluator`` raises. Evaluation itself raises none: it answers with an error reason."""


class BurgeeError(Exception):
    """Base of every error this library raises on purpose."""


class SnapshotError(BurgeeError):
    """These bytes are no snapshot that this core can trust: truncated, corrupted, of another format, or inconsistent."""


class ManifestError(BurgeeError):
    """These bytes are no manifest as somebody wrote it: cut short or damaged on the way. Reading them again may help."""


class UnsupportedManifest(ManifestError):
    """An intact manifest that this reader doesn't take: another format, or a field that says something impossible."""
