"""The one table of numeric codes that a snapshot may contain.

Both cores, the compiler and the disassembler read these; ``setup.py`` turns them into a C header for ``_fast``. Codes are
append-only: a number, once published, keeps its meaning for ever. No imports, so that ``setup.py`` can run the file alone.
"""

MAGIC = b"BURGEE\r\n"
FORMAT_VERSION = 1
OLDEST_FORMAT_VERSION = 1
HEADER_BYTES = 24

NONE = 0xFFFFFFFF  # "no such row" in every u32 reference
NONE_16 = 0xFFFF  # the same in a u16 reference

# Condition operators. The operand's encoding for each is normative in docs/snapshot-format.md.
OP_EQ_TEXT = 1
OP_IN_TEXT_SMALL = 2
OP_IN_TEXT_TABLE = 3
OP_EQ_NUMBER = 4
OP_IN_INTEGER = 5
OP_IN_FLOAT = 6
OP_EQ_BOOLEAN = 7
OP_IS_NULL = 8
OP_EQ_VALUE = 9
OP_LESS = 10
OP_LESS_EQUAL = 11
OP_GREATER = 12
OP_GREATER_EQUAL = 13
OP_CONTAINS_TEXT = 14
OP_STARTS_WITH = 15
OP_ENDS_WITH = 16
OP_MATCHES = 17
OP_TIME = 18
OP_VERSION = 19
OP_LENGTH = 20
OP_DISTANCE = 21
OP_WINDOW = 22
OP_NOW = 23
OP_BUCKET = 24
OP_PREREQUISITE = 25
OP_EXPRESSION = 26
OP_CONTAINS_ALL = 27
OP_CONTAINS_ANY = 28
OP_PATH = 29
OP_EXISTS = 30
OP_ORDER = 31
OP_WITHIN = 32
OP_MODULO = 33
OP_IN_NETWORK = 34
OP_DIGEST = 35
OP_LAST = 35

# Comparison codes: the low three bits of `mode` for TIME, VERSION, LENGTH, DISTANCE, NOW and ORDER.
CMP_EQ = 0
CMP_NE = 1
CMP_LT = 2
CMP_LE = 3
CMP_GT = 4
CMP_GE = 5
CMP_MASK = 7

# Mode bits, per operator family.
MODE_INTEGER = 1  # numbers: the payload is an i64, not a double
MODE_COERCE_TEXT = 2  # numbers: a numeric string counts as its number
MODE_EXACT_TEXT = 4  # numbers, with MODE_COERCE_TEXT: no blanks around a numeric string
MODE_CASEFOLD = 1  # text: compare after Unicode case folding (operand already folded)
MODE_LOWERCASE = 2  # text: compare after Unicode's full lower-casing (operand already in lower case)
MODE_RUST_SYNTAX = 4  # MATCHES: how its pattern is written; the compiler and readers care, the automaton has it all
MODE_DECIMAL = 8  # text: a number's text is its double's, without an exponent
MODE_INSTANT_FULL = 8  # TIME and WINDOW: a string must have seconds and a zone
MODE_TEXT_ONLY = 16  # text: only strings have a text
MODE_INSTANT_MILLISECONDS = 16  # TIME and WINDOW: a number is epoch milliseconds
MODE_INSTANT_RFC3339 = 32  # TIME and WINDOW: a string must be a whole RFC 3339 timestamp, its letters capitals
MODE_BOOLEAN_NUMBER = 8  # EQ_VALUE, CONTAINS_ALL, CONTAINS_ANY, ORDER, WITHIN: booleans are the numbers 0 and 1
MODE_CONTAINER = 16  # CONTAINS_ALL, CONTAINS_ANY: a text contains its parts, a map its keys
MODE_FROM_END = 1  # digests: of the last bytes, not the first
MODE_VERSION_PREFIX = 8  # versions: a leading v or V is tolerated
MODE_VERSION_PARTIAL = 16  # versions: "1" and "1.2" mean 1.0.0 and 1.2.0
MODE_VERSION_SAME_MINOR = 32  # versions: operand ~1.2.3 (same major and minor; the comparison code is ignored)
MODE_VERSION_SAME_MAJOR = 64  # versions: operand ^1.2.3 (same major; the comparison code is ignored)
MODE_EACH = 128  # every operator with an attribute, WINDOW excepted: a list satisfies it when any of its elements does
VERSION_TEXT_ONLY = 1  # in `count` of VERSION, whose mode is full: only strings are versions
MODE_MEMBERS = 1  # VARIABLE: a member of the scope as in ECMAScript, nothing of flagd's

# Jump targets in a condition row; any other value is a forward distance in rows, at least 1.
JUMP_MATCH = 0xFFFF
JUMP_FAIL = 0xFFFE

# Hash codes. `prefix + unit + suffix` is hashed, as UTF-8.
HASH_MD5_LE32 = 1  # first 4 bytes of MD5, little-endian (hash_version 1)
HASH_MD5_INTEGER = 2  # all 16 bytes of MD5 as one big-endian integer; only with SPACE_MODULO
HASH_MURMUR3_32 = 3  # MurmurHash3_x86_32 with the row's seed (hash_version 2)
HASH_MD5_BE32 = 4  # first 4 bytes of MD5, big-endian
HASH_SHA1_28 = 5  # first 7 hex digits of SHA-1: 28 bits
HASH_SHA1_60 = 6  # first 15 hex digits of SHA-1: 60 bits
HASH_FNV1A_32 = 7  # FNV-1a, 32 bits, a UTF-16 code unit at a time (JavaScript's charCodeAt)
HASH_FNV1A_32_DECIMAL = 8  # FNV1A_32 of the decimal digits of FNV1A_32
HASH_LAST = 8

# Space codes: from the hash to the bucket. A hash that isn't 32 bits wide goes with MODULO, one of 28 or 60 with FULL too.
SPACE_FULL = 0  # the hash itself, 0 .. 2**32-1 (2**28-1 and 2**60-1 for SHA-1)
SPACE_MODULO = 1  # hash % total
SPACE_MULTIPLY = 2  # (hash * total) >> 32
SPACE_ABSOLUTE = 3  # abs(hash as int32), 0 .. 2**31
SPACE_LAST = 3

# What is hashed.
UNIT_TEXT = 0  # strings as they are, integers and whole floats as decimals; anything else counts as missing
UNIT_CBOR = 1  # canonical CBOR (RFC 8949, 4.2.1) of any JSON value; whole floats as integers
UNIT_STRING = 2  # strings only; anything else counts as missing
UNIT_TRUTHY = 3  # what ECMAScript calls truthy, as its text (docs/snapshot-format.md, 4.9); anything else counts as missing
UNIT_LAST = 3

# What a split does when there is no unit, or when the bucket lies past the last range.
ON_NEXT_RULE = 0
ON_DEFAULT = 1  # the flag's default outcome, with reason DEFAULT
ON_ERROR = 2  # no value, reason TARGETING_KEY_MISSING
ON_VARIANT = 3  # the row's `variant`
ON_LAST = 3

# Range targets besides a variant row.
TARGET_NEXT_RULE = 0xFFFFFFFE
TARGET_NO_ANSWER = 0xFFFFFFFF

# Outcome kinds.
OUTCOME_CONSTANT = 0
OUTCOME_SPLIT = 1
OUTCOME_NO_ANSWER = 2
OUTCOME_EXPRESSION = 3
OUTCOME_LAST = 3

# Flag states.
STATE_LIVE = 0
STATE_TOMBSTONE = 1

# Value kinds of a variant.
KIND_NONE = 0
KIND_BOOLEAN = 1
KIND_STRING = 2
KIND_INTEGER = 3
KIND_FLOAT = 4
KIND_OBJECT = 5

# Attribute flags: a bit, and what the value is turned into before anybody looks at it (docs/snapshot-format.md, section 4.10).
ATTRIBUTE_EMPTY_IS_MISSING = 1
ATTRIBUTE_NULL_IS_MISSING = 2
ATTRIBUTE_AS_TEXT = 4  # as Python writes it, numbers and lists of texts as JSON does
ATTRIBUTE_AS_TRIMMED_TEXT = 8  # strings only, without blanks around them
ATTRIBUTE_AS_NUMBER = 12  # a double
ATTRIBUTE_AS_SECONDS = 16  # the same, or an instant's seconds since the epoch
ATTRIBUTE_AS_TEXTS = 20  # a list of texts, or the JSON text of one
ATTRIBUTE_AS_MAP_NAMES = 24  # of a map, the list of the names under which it has maps
ATTRIBUTE_CONVERSION = 28  # where the six above are
ATTRIBUTE_LAST_CONVERSION = 24
ATTRIBUTE_PATH_ONLY = 32  # the name is a label that isn't looked up; no path is the whole context
ATTRIBUTE_GUARDED = 64  # nothing is there unless the attribute `guard` is the text `guard_text` …
ATTRIBUTE_GUARD_OPTIONAL = 128  # … or missing

# Variant flags.
VARIANT_IS_ON = 1  # to a boolean question, a value that is no boolean answers true

# A network in `numbers`: version * 256 + prefix length; the address in 128 bits (IPv4 in the highest 32), high half first.
NETWORK_NUMBERS = 3

# Window flags.
WINDOW_MINUTES = 1
WINDOW_DATES = 2
WINDOW_ABSOLUTE = 4

# Expression nodes (JSONLogic and flagd's four additions).
NODE_CONSTANT = 1
NODE_VARIABLE = 2
NODE_LIST = 3
NODE_IF = 4
NODE_AND = 5
NODE_OR = 6
NODE_NOT = 7
NODE_TRUTH = 8
NODE_EQUAL = 9
NODE_NOT_EQUAL = 10
NODE_SAME = 11
NODE_NOT_SAME = 12
NODE_LESS = 13
NODE_LESS_EQUAL = 14
NODE_GREATER = 15
NODE_GREATER_EQUAL = 16
NODE_IN = 17
NODE_CONCATENATE = 18
NODE_ADD = 19
NODE_SUBTRACT = 20
NODE_MULTIPLY = 21
NODE_DIVIDE = 22
NODE_MODULO = 23
NODE_MINIMUM = 24
NODE_MAXIMUM = 25
NODE_MAP = 26
NODE_FILTER = 27
NODE_REDUCE = 28
NODE_ALL = 29
NODE_NO = 30
NODE_SOME = 31
NODE_MERGE = 32
NODE_SUBSTRING = 33
NODE_MISSING = 34
NODE_MISSING_SOME = 35
NODE_STARTS_WITH = 36
NODE_ENDS_WITH = 37
NODE_VERSION = 38
NODE_FRACTIONAL = 39
NODE_FRACTIONAL_SIGNED = 40
NODE_FRACTIONAL_CBOR = 41
NODE_TEXT = 42  # this and what follows: ECMAScript's view of JSON values (docs/snapshot-format.md, 4.9)
NODE_NUMBER = 43
NODE_BEFORE = 44
NODE_NOT_AFTER = 45
NODE_KIND = 46
NODE_LOWER = 47
NODE_MATCHES = 48
NODE_PADDED_VERSION = 49
NODE_SAME_JSON = 50
NODE_LAST = 50

# Seed of the hash tables in the `sets` section.
SET_SEED = 0x42555247
SET_EMPTY_SLOT = 0xFFFFFFFF

# The regex automaton's two fixed states.
AUTOMATON_DEAD = 0
AUTOMATON_ACCEPT = 1

# Reason codes carried by rows and by Evaluation; words and error codes are in evaluator/reasons.py.
REASON_STATIC = 0
REASON_DEFAULT = 1
REASON_TARGETING_MATCH = 2
REASON_SPLIT = 3
REASON_DISABLED = 4
REASON_OVERRIDE = 5
REASON_PREREQUISITE_FAILED = 6
REASON_NOT_SCHEDULED = 7
REASON_TARGETING_NOT_MET = 8
REASON_NOT_IN_ROLLOUT = 9
REASON_NOT_IN_TRAFFIC = 10
REASON_NOT_IN_LAYER = 11
REASON_HELD_OUT = 12
REASON_FLAG_NOT_FOUND = 16
REASON_PARSE_ERROR = 17
REASON_TARGETING_KEY_MISSING = 18
REASON_TYPE_MISMATCH = 19
REASON_INVALID_CONTEXT = 20
REASON_GENERAL = 21
REASON_UNSUPPORTED = 22
REASON_FIRST_ERROR = 16
REASON_LAST = 22

DIGEST_WHOLE = 0xFFFFFFFF  # length of a digest's part: all of the text

# Ceilings that both cores enforce when they load.
MAX_PREREQUISITE_RANK = 32
MAX_PREREQUISITE_COST = 4096
MAX_EXPRESSION_DEPTH = 64
MAX_REFERENCES = 1 << 24  # rows that flags, rules or splits refer to, counted once for each reference
