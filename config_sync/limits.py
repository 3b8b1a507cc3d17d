"""What a project may not exceed: named constants, each enforced with a diagnostic of its own (docs/diagnostics.md, LIMIT-…).

They keep a snapshot loadable in a small function, an evaluation short, and a mistake visible. A flag that breaks one becomes a
tombstone; the limits on the whole project stop the compilation. Imported by front ends, passes and tools.
"""

from config_sync.regex.limits import MAX_PATTERN_LENGTH, MAX_PATTERN_STATES

__all__ = ["MAX_PATTERN_LENGTH", "MAX_PATTERN_STATES"]  # the compiler of patterns enforces these itself

MAX_FLAGS = 50_000
MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024
MAX_ATTRIBUTES = 60_000  # distinct ones in a project; a row's reference has 16 bits
MAX_RULES_PER_FLAG = 2_000
MAX_VARIANTS = 256
MAX_RANGES = 1_000  # of one split or bucket test
MAX_KEY_LENGTH = 256  # characters of flag keys, variant names, rule ids and attribute names
MAX_PATH_STEPS = 32
MAX_FALLBACKS = 16  # attributes tried one after the other
MAX_VALUE_BYTES = 64 * 1024  # a variant's value, or an operand, as JSON
MAX_VALUE_DEPTH = 32
MAX_METADATA_BYTES = 16 * 1024
MAX_SALT_BYTES = 4_096  # what is hashed before or after a unit

MAX_CONDITION_DEPTH = 10  # groups within groups as people write them (RUL-19); front ends with such groups check it
MAX_NESTING = 64  # conditions within conditions once segments are filled in; the passes' recursion relies on it
MAX_CONDITIONS_PER_RULE = 1_000
MAX_LIST_ITEMS = 100_000
MAX_LIST_ITEM_BYTES = 4_096
MAX_LIST_BYTES = 64 * 1024 * 1024  # one list's strings together
MAX_TEXT_BYTES = 64 * 1024  # a text operand
MAX_EXPRESSION_NODES = 10_000

# Beyond these a warning (RUL-19).
MANY_CONDITIONS_PER_GROUP = 20
COMPLEX_RULE = 100  # conditions and groups of one rule together
