"""What the OpenAPI document's operations are made of: parameters, answers, refusals, headers. For ``burgee.openapi``."""

from typing import Any

from handlers._http import MAX_BODY_BYTES, SECURITY_HEADERS

Document = dict[str, Any]

JSON = "application/json"
TEXT: Document = {"type": "string"}
_OF_A_SNAPSHOT = ("X-Burgee-Version", "X-Burgee-Snapshot", "X-Burgee-Age-Ms")


def operation(
    tag: str, name: str, summary: str, body: Document | None = None, parameters: list[Document] | None = None
) -> Document:
    """An operation without its responses. ``body``: the schema of one that must be there."""
    made: Document = {"tags": [tag], "operationId": name, "summary": summary}
    if parameters:
        made["parameters"] = parameters
    if body is not None:
        words = f"At most {MAX_BODY_BYTES} bytes."
        made["requestBody"] = {"required": True, "description": words, "content": {JSON: {"schema": body}}}
    return made


def ref(name: str, kind: str = "schemas") -> Document:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def object_of(properties: Document, required: tuple[str, ...] = (), all_required: bool = False) -> Document:
    """The schema of an object that may have other members too."""
    return {"type": "object", "properties": properties, "required": list(properties if all_required else required)}


def identifier() -> Document:
    """An id as clients name one."""
    return ref("Identifier")


def query(name: str) -> Document:
    """A parameter of the query that is an id, and must be there."""
    return {"name": name, "in": "query", "required": True, "schema": identifier()}


def answer(description: str, schema: Document, of_a_snapshot: bool = True) -> Document:
    """A response with a body, and the headers that it has; ``of_a_snapshot``: those too that say which one has answered."""
    names = ("X-Request-Id", *(_OF_A_SNAPSHOT if of_a_snapshot else ()), *SECURITY_HEADERS)
    shown = {name: ref(name, "headers") for name in names}
    return {"description": description, "headers": shown, "content": {JSON: {"schema": schema}}}


_STATUSES = {
    "400": "What the client sent can't be used",
    "401": "Who asks isn't known",
    "403": "Who asks may not",
    "404": "There is no such thing",
    "405": "This path doesn't answer this method",
    "413": "The body is too large",
    "415": "The body isn't JSON",
    "429": "Too many requests of this caller",
    "500": "A mistake of the configuration's or of ours",
    "503": "No snapshot of the flags has been loaded yet",
}
_ALWAYS = ("401", "403", "405", "429")  # whatever was asked


def refusals(*statuses: str) -> Document:
    """References to refusals in the words of the platform's own endpoints."""
    return {status: ref(f"Refusal{status}", "responses") for status in sorted((*statuses, *_ALWAYS))}


def problems(*statuses: str) -> Document:
    """The same in OFREP's words."""
    return {status: ref(f"Problem{status}", "responses") for status in sorted((*statuses, *_ALWAYS))}


def responses() -> Document:
    """The refusals that all endpoints share, as components."""
    made: Document = {}
    for kind, without in (("Refusal", ()), ("Problem", ("400", "404"))):  # OFREP's own are of another shape
        for status, words in _STATUSES.items():
            if status in without:
                continue
            one = answer(words, ref(kind), of_a_snapshot=False)
            if status in ("429", "503"):
                one["headers"]["Retry-After"] = ref("Retry-After", "headers")
            if status == "405":
                one["headers"]["Allow"] = ref("Allow", "headers")
            made[kind + status] = one
    return made


def headers() -> Document:
    """The headers, as components."""

    def header(description: str, schema: Document, required: bool = False) -> Document:
        return {"description": description, "required": required, "schema": schema}

    number = {"type": "string", "pattern": "^[0-9]+$"}
    made = {name: header("The same in every response.", {"const": value}, True) for name, value in SECURITY_HEADERS.items()}
    return made | {
        "X-Request-Id": header("The request's, in logs and events as well.", TEXT),
        "X-Burgee-Version": header("The version of the snapshot that answered.", number),
        "X-Burgee-Snapshot": header("That snapshot's name.", TEXT),
        "X-Burgee-Age-Ms": header("Milliseconds since the store confirmed it.", number),
        "ETag": header("Of snapshot, context and results.", TEXT, True),
        "Retry-After": header("Seconds.", number, True),
        "Allow": header("The methods that the path answers.", TEXT, True),
    }
