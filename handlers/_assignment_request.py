"""A request for an assignment, read: who is asking about which experiment, in which context. For ``handlers.assignments``.

GET with a query, POST with a body, or a mixture (requirements ASG-30, ASG-31): the ids are taken from the body of a POST, else
from the query; the context from the body, else from the query. On the cold path: imports what the endpoints' kit has.
"""

from __future__ import annotations

from handlers._context import NotJson, check, parse
from handlers._http import most_bytes
from handlers._ids import ABSENT, BadRequest, wrong_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handlers._context import Context
    from handlers._http import Request

USER, EXPERIMENT, CONTEXT = "user_id", "experiment_key", "context"


class Asked:
    """``context`` None: there was none; ``warning``: what was ignored of the request, or None."""

    __slots__ = ("context", "experiment_key", "user_id", "warning")

    def __init__(self, user_id: str, experiment_key: str, context: Context | None, warning: str | None) -> None:
        self.user_id = user_id
        self.experiment_key = experiment_key
        self.context = context
        self.warning = warning


def read_request(request: Request) -> Asked:
    """Raises BadRequest.

    A body or a query's context that isn't JSON is ignored with a warning (requirement ASG-37); what is too large, too deep or
    holds a number that nobody can is refused (SEC-09).
    """
    document, warning = _document(request)
    parameters = request.parameters
    named = document if request.method == "POST" else {}
    found = {name: named.get(name, parameters.get(name, ABSENT)) for name in (USER, EXPERIMENT)}
    missing = [name for name, value in found.items() if value is ABSENT]
    if len(missing) == 2:
        raise BadRequest(_and(f"Missing query parameters. Required: {USER}, {EXPERIMENT}", warning))
    if missing:
        raise BadRequest(_and(f"Missing required parameter: {missing[0]}", warning))
    user_id, key = check_id(USER, found[USER]), check_id(EXPERIMENT, found[EXPERIMENT])
    context, size = document.get(CONTEXT), most_bytes(request.body)
    if context is None and (text := parameters.get(CONTEXT)):
        context, ignored = _parsed(text, "the query's context")
        warning, size = ignored or warning, most_bytes(text)
    return Asked(user_id, key, _checked(context, size), warning)


def check_id(name: str, value: object) -> str:
    """The id itself (requirement ASG-04). Raises BadRequest, a ValueError."""
    if wrong := wrong_id(name, value):
        raise BadRequest(wrong)
    return str(value)


def _checked(context: Any, size: int) -> Context | None:
    if context is None:
        return None
    if not isinstance(context, dict):
        raise BadRequest("context must be an object")
    if refused := check(context, size):
        raise BadRequest(refused)
    return context


def _document(request: Request) -> tuple[dict[str, Any], str | None]:
    """The body's object, or an empty one and what is to be said about that."""
    if not request.body:
        return {}, None
    value, warning = _parsed(request.body, "the request body")
    if isinstance(value, dict):
        return value, None
    return {}, warning or "the request body is not a JSON object: it was ignored"


def _parsed(text: str | bytes, what: str) -> tuple[Any, str | None]:
    try:
        return parse(text), None
    except NotJson:
        return None, f"{what} is not JSON: it was ignored"
    except ValueError:  # Unbearable
        raise BadRequest(f"{what} is nested too deep, or holds a number that can't be read") from None


def _and(sentence: str, warning: str | None) -> str:
    return sentence if warning is None else f"{sentence} ({warning})"
