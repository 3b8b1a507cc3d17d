"""How large a pattern, its automata and the work to build them may get. Every one of them ends in a ``PatternError``."""

MAX_PATTERN_LENGTH = 1_000  # code points of source
MAX_PATTERN_DEPTH = 100  # groups inside groups
MAX_REPEAT = 1_000  # n and m of x{n,m}
MAX_PATTERN_STATES = 10_000  # nodes of the nondeterministic automaton
MAX_BUILD_STEPS = 50_000  # syntax nodes visited while it is built (copies of nothing make no nodes)
MAX_AUTOMATON_STATES = 4_000  # states of the byte automaton
MAX_AUTOMATON_BYTES = 1 << 20  # size of its table
MAX_WORK = 3_000_000  # node visits of the subset construction: about two seconds
