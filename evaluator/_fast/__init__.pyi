"""Which compiled modules have Python-visible names; the package itself has none."""

from evaluator._fast import evaluator as evaluator
from evaluator._fast import expressions as expressions
