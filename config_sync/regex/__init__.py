"""Regular expressions of RE2's kind, compiled ahead of time to byte automata that take one step per byte.

Used by ``config_sync`` only.

The syntax is RE2's, or that of Rust's regex crate (``docs/regex.md``): everything but what needs backtracking. A pattern is
searched for; ``^`` and ``$`` are the begin and the end of the text unless ``(?m)``. Compiling is bounded by ``limits``.
"""

from functools import lru_cache

from config_sync.regex.automaton import accepts, encode
from config_sync.regex.classes import ByteClasses
from config_sync.regex.dfa import Determiniser
from config_sync.regex.errors import PatternError, UnsupportedPattern
from config_sync.regex.minimise import minimise
from config_sync.regex.nfa import Nfa
from config_sync.regex.parser import parse
from config_sync.regex.syntax import Syntax
from evaluator.snapshot.opcodes import MODE_CASEFOLD, MODE_RUST_SYNTAX

__all__ = ["PatternError", "Syntax", "UnsupportedPattern", "accepts", "compile_for", "compile_pattern"]


@lru_cache(maxsize=512)  # a project is checked and lowered with the same patterns
def compile_pattern(pattern: str, casefold: bool = False, syntax: Syntax = Syntax.RE2) -> bytes:
    """The automaton of ``pattern`` in the layout of docs/snapshot-format.md; with ``casefold`` case doesn't matter.

    Raises ``PatternError`` for a pattern that is wrong, needs backtracking or is too large.
    """
    nfa = Nfa(parse(pattern, casefold, syntax))
    classes = ByteClasses(nfa)
    automaton = Determiniser(nfa, classes)
    table, start = minimise(automaton.table, automaton.start)
    return encode(table, start, classes.of)


def compile_for(pattern: str, mode: int) -> bytes:
    """The automaton of a test's pattern: ``mode`` says its syntax, and whether case matters. Raises ``PatternError``."""
    syntax = Syntax.RUST if mode & MODE_RUST_SYNTAX else Syntax.RE2
    return compile_pattern(pattern, bool(mode & MODE_CASEFOLD), syntax)
