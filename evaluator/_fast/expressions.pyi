from typing import Any, final

@final
class View:
    """One evaluation as value expressions see it; ``now_ms`` in milliseconds."""

    def __init__(self, context: dict[Any, Any], now_ms: int | float, flag_key: str) -> None: ...

def evaluate_expression(program: Any, node: int, view: View) -> object:
    """The value of the expression whose root is this row of a ``Program``; raises when it fails."""
