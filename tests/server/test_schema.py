"""Requests made from the OpenAPI document: no answer is a server's fault, and none is undocumented."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from synclips.server.app import create_app
from synclips.server.settings import ServerSettings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WAITS_FOR_A_WORKER = "POST /v2/tts"
EXAMPLES = 6
"""Requests of each operation."""


def test_every_operation_answers_as_it_is_documented(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("schema")
    made = ServerSettings(
        data_dir=folder, allowed_hosts="testserver", workers=0, posts_per_minute=10**6, gets_per_minute=10**6
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(made, background=False))
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        if operation.label == WAITS_FOR_A_WORKER:
            continue

        @settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        check()


def test_tools_can_be_made_of_the_document(tmp_path: Path) -> None:
    """As sync.'s MCP server makes them: each operation with an id is a tool whose references are all resolved."""
    app = create_app(ServerSettings(data_dir=tmp_path, workers=0), background=False)
    document = TestClient(app, base_url="http://127.0.0.1:8000").get("/api-json").json()
    known = {tag["name"] for tag in document["tags"]}
    found: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            found.append(operation["operationId"])
            assert operation["tags"], f"{method} {path}"
            assert set(operation["tags"]) <= known
            for content in operation.get("requestBody", {}).get("content", {}).values():
                resolved(content["schema"], document, ())
            for parameter in operation.get("parameters", ()):
                resolved(parameter["schema"], document, ())
    assert len(found) == len(set(found))
    needed = ("GenerateController_createGeneration", "GenerateController_getGeneration", "AssetsController_createAsset")
    assert set(needed) <= set(found)


def resolved(schema: Any, document: dict[str, Any], inside: tuple[str, ...]) -> Any:
    """The schema with every reference followed; one within itself could never be."""
    if isinstance(schema, list):
        return [resolved(part, document, inside) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if (name := schema.get("$ref")) is not None:
        assert name not in inside, f"{name} refers to itself"
        place = document
        for part in name.removeprefix("#/").split("/"):
            place = place[part]
        return resolved(place, document, (*inside, name))
    return {key: resolved(value, document, inside) for key, value in schema.items() if key != "discriminator"}
