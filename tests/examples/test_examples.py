"""The examples for clouds, as far as that goes without an account: imported, run against a stand-in, or dry."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from synclips.engines.engine import Lost

EXAMPLES = Path(__file__).parents[2] / "examples"


def fake_modal() -> ModuleType:
    """Modal's client as the example uses it: a function's `map` calls it here, and gives errors as results."""

    class Image:
        @staticmethod
        def debian_slim(python_version: str) -> "Image":
            assert python_version.startswith("3.")
            return Image()

        def add_local_dir(self, local: Path, remote: str, *, copy: bool, ignore: list[str]) -> "Image":
            assert (local / "pyproject.toml").is_file()
            assert remote.startswith("/")
            assert copy
            assert ".venv" in ignore
            return self

        def run_commands(self, *commands: str) -> "Image":
            assert all("pip install" in command for command in commands)
            return self

    class App:
        def __init__(self, name: str, image: Image) -> None:
            self.name, self.image = name, image

        def function(self, **_: Any) -> Any:
            def wrapped(work: Any) -> Any:
                def mapped(items: Any, order_outputs: bool, return_exceptions: bool) -> Any:
                    assert order_outputs
                    assert return_exceptions
                    for item in items:
                        try:
                            yield work(item)
                        except RuntimeError as error:
                            yield error

                return SimpleNamespace(map=mapped, work=work)

            return wrapped

        def local_entrypoint(self) -> Any:
            return lambda entry: entry

    module: Any = ModuleType("modal")
    module.App, module.Image, module.Secret = App, Image, SimpleNamespace(from_name=lambda name: name)
    return module


def test_modal_runs_a_batch_by_the_interface_of_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modal", fake_modal())

    def make_piece(piece: int) -> int:
        if piece == 2:
            raise RuntimeError("the container died")
        return piece * 10

    monkeypatch.setattr("synclips.batch.work.make_piece", make_piece)
    engine = runpy.run_path(str(EXAMPLES / "modal_batch.py"))["ModalEngine"]()
    assert list(engine.run(None, [1, 2, 3])) == [(1, 10), (2, Lost("the container died")), (3, 30)]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_lambda_says_what_it_would_run(tmp_path: Path) -> None:
    command = [str(EXAMPLES / "lambda_train.sh"), "ubuntu@203.0.113.7", str(tmp_path), "--config", "my.toml"]
    environment = os.environ | {"DRY_RUN": "1"}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "run synclips preprocess first" in refused.stderr
    (tmp_path / "manifest.json").write_text("{}")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["rsync", "rsync", "ssh", "rsync"]
    assert "torchrun" in lines[2]
    assert "my.toml" in lines[2]
