"""Requests made from the OpenAPI document: no answer is a server's fault, and none is undocumented."""

import pytest
import schemathesis
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
