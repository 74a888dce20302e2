"""The lock files are a closed set of exact versions without addresses, and hold exactly what the program imports."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
RUNTIME, GATE = REPOSITORY / "requirements.lock", REPOSITORY / "requirements-dev.lock"

LEFT_OUT = {
    "aiobotocore": {"python-dateutil"},
    "botocore": {"python-dateutil"},
    "c2pa-python": {"toml"},
    "faster-whisper": {"onnxruntime"},
    "ncnn": {"portalocker"},
    "pocket-tts": {"einops", "typer"},
    "pocketsphinx": {"sounddevice"},
}
"""Declared needs that are not met on purpose: nothing that SyncLips calls imports them, or another build stands in."""


OPTIONAL = {"babel", "num2words", "pocketsphinx", "espeakng_loader", "ray"}
"""Modules that the program does without where they are not installed."""

CUDA = re.compile(r"nvidia-|cuda-|triton$")
"""What torch's CUDA build brings with it, at the versions that it names itself (see scripts/set_up.sh)."""


def locked(path: Path) -> dict[str, Requirement]:
    """The requirements of a lock file that apply to this Python, by canonical name."""
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    return {canonicalize_name(r.name): r for r in requirements if r.marker is None or r.marker.evaluate()}


@pytest.mark.parametrize("path", [RUNTIME, GATE], ids=lambda path: path.name)
def test_names_exact_versions_and_no_address(path: Path) -> None:
    assert "://" not in path.read_text()
    for requirement in locked(path).values():
        assert requirement.url is None
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier))


@pytest.mark.parametrize("path", [RUNTIME, GATE], ids=lambda path: path.name)
def test_is_what_is_installed(path: Path) -> None:
    for name, requirement in locked(path).items():
        installed = metadata.version(name).partition("+")[0]
        assert requirement.specifier.contains(installed), f"{name} {installed} is installed; run scripts/set_up.sh"


def test_is_closed_but_for_what_is_left_out() -> None:
    everything = locked(RUNTIME) | locked(GATE)
    for name in everything:
        available = locked(RUNTIME) if name in locked(RUNTIME) else everything
        unmet = {need for need in unmet_needs(name, available) if not (name == "torch" and CUDA.match(need))}
        assert unmet == LEFT_OUT.get(name, set()), name


def unmet_needs(name: str, available: dict[str, Requirement]) -> set[str]:
    """The packages that an installed one declares to need and that `available` does not hold in a fitting version."""
    unmet = set()
    for line in metadata.requires(name) or []:
        need = Requirement(line)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        present = available.get(canonicalize_name(need.name))
        if present is None or not need.specifier.contains(str(present.specifier).removeprefix("==")):
            unmet.add(canonicalize_name(need.name))
    return unmet


def test_holds_everything_that_the_program_imports() -> None:
    providers = metadata.packages_distributions()
    for file, module in imported_modules(REPOSITORY / "src" / "synclips"):
        if module in OPTIONAL:
            continue
        names = {canonicalize_name(name) for name in providers.get(module, [])}
        assert names & locked(RUNTIME).keys(), f"{file} imports {module}, which requirements.lock does not bring"


def imported_modules(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every module outside the standard library and SyncLips that a file below `folder` imports, by its first name."""
    own = {"synclips", "__future__"}
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
            for module in {name.partition(".")[0] for name in modules}:
                if module not in sys.stdlib_module_names | own:
                    yield file.relative_to(folder), module
