"""The faults that an HTTP API shows: requests come through it to the functions, and what it would measure is collected."""

from typing import Any

from handlers import ingest
from handlers.flags import EVALUATE_PATH
from handlers.ingest import EVENT_PATH
from infra.alarms import API, HTTP_API
from infra.routes import PATHS
from tests.handlers.assigning import client
from tests.handlers.http_api import by_http_api
from tests.handlers.ingesting import Refusing, new_stream, purchase, stream_of
from tests.infra.faults_at_the_edge import Edge
from tests.infra.tripping import Happen, Moment, Stage, trips

QUICK_S, SLOW_S = 0.01, 0.2  # a call of the stream
FLAG = {"user_id": "user", "flag_key": "a-flag"}


def ask(stage: Stage, method: str, path: str, body: Any = None) -> None:
    """One request through the API. An invocation that fails is its 500; it measures no less than the function takes."""
    event = by_http_api(method, path, body)
    begun = stage.clock()
    answer = stage.invoke(PATHS[event["routeKey"].partition(" ")[2]], event)
    took_ms = (stage.clock() - begun) * 1_000
    status = 500 if answer is None else answer["statusCode"]
    measured = {"Count": 1, "4xx": int(400 <= status < 500), "5xx": int(status >= 500)}
    for name, value in (measured | {"Latency": took_ms, "IntegrationLatency": took_ms}).items():
        stage.cloud.measured(API, name, HTTP_API, value)


@trips("api-errors")
def store_that_was_never_reached_through_the_api(stage: Stage, of: str, broken: bool) -> Happen:
    edge = Edge(stage, "flags")
    if broken:
        edge.store.objects.clear()
    return lambda: ask(stage, "POST", EVALUATE_PATH, FLAG)


@trips("api-latency")
def stream_that_is_slow_through_the_api(stage: Stage, of: str, broken: bool) -> Happen:
    """Each event waits for the stream, within its budget: no function has an alarm on that, the API has."""
    moments = Moment()
    name = new_stream(stage.aws)
    Edge(stage, "ingest", KINESIS_STREAM_NAME=name)
    stage.clock = moments.monotonic

    def wait(_: int, records: list[Any]) -> dict[int, str]:
        moments.passed += SLOW_S if broken else QUICK_S
        return {}

    ingest._of_process["stream"] = stream_of(Refusing(client(stage.aws, "kinesis"), wait), name, sleep=lambda _: None)
    return lambda: ask(stage, "POST", EVENT_PATH, purchase(1, timestamp=...))
