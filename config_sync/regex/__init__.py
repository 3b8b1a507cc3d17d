"""RE2-style regular expressions, compiled ahead of time to byte automata that take one step per byte.

Used by ``config_sync`` only.

The syntax is RE2's (``docs/regex.md``): everything but what needs backtracking. A pattern is searched for; ``^`` and ``$`` are
the begin and the end of the text unless ``(?m)``. Compiling is bounded by ``limits``, whatever the pattern.
"""

from functools import lru_cache

from config_sync.regex.automaton import accepts, encode
from config_sync.regex.classes import ByteClasses
from config_sync.regex.dfa import Determiniser
from config_sync.regex.errors import PatternError, UnsupportedPattern
from config_sync.regex.minimise import minimise
from config_sync.regex.nfa import Nfa
from config_sync.regex.parser import parse

__all__ = ["PatternError", "UnsupportedPattern", "accepts", "compile_pattern"]


@lru_cache(maxsize=512)  # a project is checked and lowered with the same patterns
def compile_pattern(pattern: str, casefold: bool = False) -> bytes:
    """The automaton of ``pattern`` in the layout of docs/snapshot-format.md; with ``casefold`` case doesn't matter.

    Raises ``PatternError`` for a pattern that is wrong, needs backtracking or is too large.
    """
    nfa = Nfa(parse(pattern, casefold))
    classes = ByteClasses(nfa)
    automaton = Determiniser(nfa, classes)
    table, start = minimise(automaton.table, automaton.start)
    return encode(table, start, classes.of)
