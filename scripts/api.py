"""Writes docs/api.md from docs/openapi.json and docs/api-examples.json: ``python -m scripts.api``.

``python -m scripts.api --record URL`` asks a fresh ``burgee up examples/`` every example first, and keeps what it answers.
``tests/burgee/test_api_page.py`` holds the page to the document, and the examples to the platform.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.smoke.asking import Platform

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT, EXAMPLES, PAGE = (ROOT / "docs" / name for name in ("openapi.json", "api-examples.json", "api.md"))
WEB = {"platform": "web", "cart": {"items": 2}}
Json = dict[str, Any]

# operation -> the path with its query, and the body: what is asked of the project in examples/, in this order.
ASKED: dict[str, tuple[str, object]] = {
    "evaluateFlag": ("/feature-flags/evaluate?user_id=customer-1001&flag_key=new-seat-map", None),
    "evaluateFlagByBody": (
        "/feature-flags/evaluate",
        {"user_id": "customer-7", "flag_key": "hero-banner", "context": {"country": "AT"}},
    ),
    "evaluateFlags": (
        "/feature-flags/evaluate/batch",
        {"user_id": "customer-7", "flag_keys": ["sales-open", "no-such-flag"], "context": {"country": "AT"}},
    ),
    "evaluateOneFlag": (
        "/ofrep/v1/evaluate/flags/hero-banner",
        {"context": {"targetingKey": "customer-7", "country": "AT"}},
    ),
    "evaluateAllFlags": ("/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "customer-7", "country": "AT"}}),
    "assign": ("/assign?user_id=customer-7&experiment_key=checkout-button", None),
    "assignByBody": ("/assign", {"user_id": "customer-6", "experiment_key": "checkout-button", "context": WEB}),
    "sendEvent": (
        "/events",
        {"event_type": "purchase", "user_id": "customer-6", "experiment_id": "exp_2041", "properties": {"revenue": 42.5}},
    ),
    "sendEvents": (
        "/events/batch",
        {"events": [{"event_id": "order-1", "event_type": "purchase", "user_id": "customer-6"}, {"event_type": "purchase"}]},
    ),
    "results": ("/experiments/gift-cards/results", None),
    "resultsPicture": ("/experiments/gift-cards/results.svg", None),
    "health": ("/health", None),
}
VOLATILE = {"assignment_id", "timestamp", "event_id", "as_of", "age_ms", "etag", "snapshot_version", "version"}
"""Members that differ from one run to the next; a test compares their types only."""


def ask(url: str, name: str, methods: Mapping[str, str]) -> Json:
    """One example: what was asked, and what came back."""
    path, body = ASKED[name]
    answer = Platform({"flags": url}).ask("flags", methods[name], path, body)
    found: Json = {"method": methods[name], "path": path, "status": answer.status}
    if body is not None:
        found["body"] = body
    if answer.headers.get("content-type") == "application/json":
        found["answer"] = answer.json()
    if tag := answer.headers.get("etag"):
        found["etag"] = tag
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation, in the document's order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def methods_of(document: Json) -> dict[str, str]:
    """operation -> its method."""
    return {operation["operationId"]: method for _, method, operation in operations(document)}


# --- the page -------------------------------------------------------------------------------------------------------------


def page(document: Json, examples: Json) -> str:
    """The page's text."""
    lines = [
        "# The API, endpoint by endpoint",
        "",
        "Made by `python -m scripts.api` from [openapi.json](openapi.json), which is checked against the handlers (requests",
        "made from it, answers held to it), and from examples that a test asks of `burgee up examples/`. What answers mean:",
        "[flags](flags.md), [OFREP](ofrep.md), [assignments](assignments.md), [ingest](ingest.md), [results](results.md).",
        "",
        "Bodies are JSON, of at most 256 KiB. Every answer has an `X-Request-Id` and the",
        "[headers that protect it](function-url.md#responses). Where the deployment asks for a key, it goes into `X-Api-Key`",
        "([security](security.md)).",
        "",
        "| endpoint | |",
        "|---|---|",
    ]
    found = list(operations(document))
    also = "; ".join(f"{status}: {words[0].lower()}{words[1:]}" for status, words in everybodys(document).items())
    lines[-2:-2] = [f"Every endpoint may answer {also}.", ""]
    lines += [f"| [`{method} {path}`](#{anchor(method, path)}) | {each['summary']} |" for path, method, each in found]
    for path, method, each in found:
        lines += ["", f"## {method} {path}", "", f"{each['summary']}.", *_section(document, each, examples)]
    return "\n".join(lines) + "\n"


def everybodys(document: Json) -> dict[str, str]:
    """The statuses that every endpoint may answer with, and what they mean."""
    all_of_them = [operation["responses"] for _, _, operation in operations(document)]
    common = sorted(set.intersection(*map(set, all_of_them)) - {"400", "503"})
    return {
        status: _resolved(document, document["components"]["responses"][f"Refusal{status}"])["description"] for status in common
    }


def anchor(method: str, path: str) -> str:
    """As Git hosts make it of a heading."""
    kept = "".join(character for character in f"{method} {path}".lower() if character.isalnum() or character in " -_")
    return kept.replace(" ", "-")


def _section(document: Json, operation: Json, examples: Json) -> Iterator[str]:
    parameters = [_resolved(document, each) for each in operation.get("parameters", [])]
    if parameters:
        yield from ("", "| parameter | in | | |", "|---|---|---|---|")
        for each in parameters:
            kind = _type(document, each["schema"]) if "schema" in each else "JSON"
            needed = _needed(each.get("required", False), each.get("description", ""))
            yield f"| `{each['name']}` | {each['in']} | {kind} | {needed} |"
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        yield from ("", "| member of the body | | |", "|---|---|---|")
        yield from _members(document, schema)
    yield from _example(examples[operation["operationId"]])
    yield from ("", "| status | |", "|---|---|")
    everywhere = everybodys(document)
    for status, response in sorted(operation["responses"].items()):
        if status not in everywhere:
            yield f"| {status} | {_resolved(document, response)['description']} |"


def _members(document: Json, schema: Json) -> Iterator[str]:
    schema = _resolved(document, schema)
    schema = _resolved(document, schema["anyOf"][0]) if "anyOf" in schema else schema
    for name, member in schema.get("properties", {}).items():
        whole = _resolved(document, member)
        needed = _needed(name in schema.get("required", ()), member.get("description", whole.get("description", "")))
        yield f"| `{name}` | {_type(document, member)} | {needed} |"


def _needed(required: bool, words: str) -> str:
    return ("required" + ("; " if words else "") if required else "") + words.replace("|", "\\|")


def _type(document: Json, schema: Json) -> str:
    schema = _resolved(document, schema)
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            words = [_type(document, each) for each in schema[several]]
            return " or ".join(word for word in dict.fromkeys(words) if word != "any")
    kind = schema.get("type", "any")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if text == "array":
        text = f"array of {_type(document, schema.get('items', {}))}"
    most = schema.get("maxLength")
    if most is not None:
        text += f", at most {most:,} characters"
    items = schema.get("maxItems")
    return text + (f", at most {items:,}" if items is not None else "")


def _resolved(document: Json, value: Json) -> Json:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def _example(example: Json) -> Iterator[str]:
    yield from ("", "```")
    given = ["curl -s"]
    if example["method"] != "GET" and "body" not in example:
        given.append(f"-X {example['method']}")
    given.append(f'"$URL{example["path"]}"')
    if "body" in example:
        given.append(f"-H 'Content-Type: application/json' -d '{json.dumps(example['body'], ensure_ascii=False)}'")
    yield " ".join(given)
    yield "```"
    if "answer" in example:
        tag = f", with `ETag: {example['etag']}`" if "etag" in example else ""
        yield from ("", f"answers {example['status']}{tag}:", "", "```json", _shortened(example["answer"]), "```")
    else:
        yield from ("", f"answers {example['status']} with a picture.")


def _shortened(answer: Json) -> str:
    """The answer, with three members of the longest list."""
    shown = {name: [*value[:3], "…"] if isinstance(value, list) and len(value) > 4 else value for name, value in answer.items()}
    return json.dumps(shown, indent=1, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.api", description="Writes docs/api.md.")
    parser.add_argument("--record", metavar="URL", default="", help="of a fresh burgee up examples/")
    options = parser.parse_args(arguments)
    document = json.loads(DOCUMENT.read_text())
    if options.record:
        examples = {name: ask(options.record, name, methods_of(document)) for name in ASKED}
        EXAMPLES.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(document, json.loads(EXAMPLES.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
