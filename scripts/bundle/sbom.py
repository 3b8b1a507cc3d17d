"""The bill of materials of a bundle, CycloneDX 1.6 as JSON, made from its manifest: nothing in it that isn't in the zip.

No time and no serial number drawn by lot: the same bundle has the same bill.
"""

import json
import uuid
from importlib.resources import files
from typing import Any

_OURS = "Apache-2.0"


def sbom(manifest: dict[str, Any]) -> dict[str, Any]:
    """The document."""
    digest = manifest["zip"]["sha256"]
    own = f"pkg:generic/burgee-{manifest['function']}@{manifest['version']}"
    components = [_component(each) for each in manifest["distributions"]]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'burgee:{digest}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": f"burgee-{manifest['function']}",
                "version": manifest["version"],
                "licenses": [{"license": {"id": _OURS}}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "properties": [
                    {"name": "burgee:module", "value": manifest["module"]},
                    {"name": "burgee:python", "value": manifest["python"]},
                    {"name": "burgee:machine", "value": manifest["machine"]},
                ],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": [each["bom-ref"] for each in components]},
            *({"ref": each["bom-ref"]} for each in components),
        ],
    }


def _component(distribution: dict[str, Any]) -> dict[str, Any]:
    url = f"pkg:pypi/{distribution['name']}@{distribution['version']}"
    return {
        "type": "library",
        "bom-ref": url,
        "name": distribution["name"],
        "version": distribution["version"],
        "purl": url,
        "scope": "required",
        # As the distribution words it: names and expressions both, so neither `id` nor `expression` would always be true.
        "licenses": [{"license": {"name": distribution["licence"]}}],
        "hashes": [{"alg": "SHA-256", "content": distribution["sha256"]}],
        "properties": [{"name": "burgee:wheel", "value": distribution["wheel"]}],
    }


def errors(document: dict[str, Any]) -> list[str]:
    """What CycloneDX's own schema, which comes with its library, has against the document."""
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource

    place = files("cyclonedx") / "schema" / "_res"

    def schema(uri: str) -> Any:
        return json.loads((place / uri.rpartition("/")[2]).read_text())

    registry: Any = Registry(retrieve=lambda uri: Resource.from_contents(schema(uri)))  # type: ignore[call-arg]
    validator = Draft7Validator(schema("bom-1.6.SNAPSHOT.schema.json"), registry=registry)
    return [f"its bill of materials: {error.message:.200}" for error in validator.iter_errors(document)]
