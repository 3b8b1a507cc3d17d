"""Why an evaluation answered what it did: one row per reason code, append-only (the codes are in ``snapshot.opcodes``).

``WORDS`` are OpenFeature's reasons, ``ERROR_CODES`` OpenFeature's error codes, ``DETAILS`` the finer words that the flag and
assignment endpoints report. Each is indexed by reason code; unused codes hold ``"UNKNOWN"`` / ``None`` / ``"unknown"``.
"""

_TABLE: dict[int, tuple[str, str | None, str]] = {
    0: ("STATIC", None, "enabled"),
    1: ("DEFAULT", None, "default"),
    2: ("TARGETING_MATCH", None, "enabled"),
    3: ("SPLIT", None, "enabled"),
    4: ("DISABLED", None, "flag_disabled"),
    5: ("TARGETING_MATCH", None, "override"),
    6: ("DEFAULT", None, "prerequisite_failed"),
    7: ("DISABLED", None, "not_scheduled"),
    8: ("DEFAULT", None, "targeting_rules_not_met"),
    9: ("DEFAULT", None, "not_in_rollout"),
    10: ("DEFAULT", None, "not_in_traffic"),
    11: ("DEFAULT", None, "not_in_layer"),
    12: ("DEFAULT", None, "held_out"),
    16: ("ERROR", "FLAG_NOT_FOUND", "flag_not_found"),
    17: ("ERROR", "PARSE_ERROR", "error"),
    18: ("ERROR", "TARGETING_KEY_MISSING", "error"),
    19: ("ERROR", "TYPE_MISMATCH", "error"),
    20: ("ERROR", "INVALID_CONTEXT", "error"),
    21: ("ERROR", "GENERAL", "error"),
    22: ("ERROR", "PARSE_ERROR", "error"),
}
_UNUSED = ("UNKNOWN", None, "unknown")

WORDS: tuple[str, ...] = tuple(_TABLE.get(code, _UNUSED)[0] for code in range(23))
ERROR_CODES: tuple[str | None, ...] = tuple(_TABLE.get(code, _UNUSED)[1] for code in range(23))
DETAILS: tuple[str, ...] = tuple(_TABLE.get(code, _UNUSED)[2] for code in range(23))

# One sentence per error code, fit for a client's eyes: no data of the request or of the configuration in it.
MESSAGES: dict[str, str] = {
    "FLAG_NOT_FOUND": "no flag has this key",
    "PARSE_ERROR": "the flag's configuration has errors",
    "TARGETING_KEY_MISSING": "the flag needs a targeting key to choose a variant",
    "TYPE_MISMATCH": "the flag's value has another type",
    "INVALID_CONTEXT": "the evaluation context is not usable",
    "GENERAL": "the flag's targeting gave no usable variant",
}
