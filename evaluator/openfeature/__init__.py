"""An in-process OpenFeature provider over ``Evaluator``: the distribution's extra ``openfeature``.

The only package of ``evaluator`` that needs the OpenFeature SDK; nothing else in the project imports it.
"""

from evaluator.openfeature.provider import BurgeeProvider

__all__ = ["BurgeeProvider"]
