"""The Lambda function that answers OFREP and nothing else (docs/function-url.md); ``handlers.flags`` answers more.

``FLAGS_PATH``, ``HEALTH_PATH`` and ``respond`` are the endpoint itself, for hosts of their own. On the cold path: imports
neither boto3 nor yaml, msgspec or config_sync.
"""

from __future__ import annotations

from handlers._edge import Edge, prepare_in_lambda, serve
from handlers._ofrep import FLAGS_PATH, HEALTH_PATH, answer, respond

TYPE_CHECKING = False
if TYPE_CHECKING:
    from handlers._events import Event, Result
    from handlers._http import Request, Response
    from handlers._scratch import Served

__all__ = ["FLAGS_PATH", "HEALTH_PATH", "handler", "respond"]


def handler(event: Event, context: object) -> Result:
    """Lambda's entry point. Raises nothing."""
    return serve(event, context, _respond)


def _respond(request: Request, served: Served | None, edge: Edge) -> Response:
    if served is None:
        return answer(request, None)
    standing = (served.version, edge.reader.age_ms()) if request.path == HEALTH_PATH else None
    return answer(request, served.evaluator, None, standing)


prepare_in_lambda()
