"""The package as a stranger installs it: a wheel, put into an empty environment by pip's own resolver, and used.

Each takes minutes, so they run in CI and by `make test-package`, not with the rest.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LARGEST = 100_000_000
"""Bytes of the wheel at most."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), "."]
    subprocess.run([sys.executable, *build], cwd=REPOSITORY, check=True)
    [made] = folder.glob("synclips-*.whl")
    return made


def newest_python() -> Path | None:
    """The newest Python on this machine that the package is for, if that is not the one that runs."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (14, 13, 12):
        if minor == sys.version_info.minor:
            return None
        found = shutil.which(f"python3.{minor}")
        for path in [*versions.glob(f"3.{minor}.*/bin/python"), *([Path(found)] if found else [])]:
            works = subprocess.run(
                [path, "-c", "import sys, ensurepip; print(sys.version_info.minor)"], capture_output=True
            )
            if works.returncode == 0 and works.stdout.strip() == str(minor).encode():
                return path
    return None


def test_the_wheel_is_small_and_carries_models_recipes_and_licences(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"synclips/weights/base.safetensors", "synclips/weights/fast.safetensors"} <= set(names)
    assert "synclips/recipes/base.toml" in names
    assert "synclips/dubbing/demo_page.html.jinja" in names
    assert "synclips/py.typed" in names
    assert any(re.fullmatch(r"synclips-.*dist-info/licenses/LICENSE", name) for name in names)
    weights = {Path(name).parent / "any" for name in names if name.endswith((".tflite", "ge2e.safetensors"))}
    for place in weights:
        assert any(name.startswith(str(place.parent)) and name.endswith(".LICENSE.md") for name in names), place


@pytest.mark.parametrize("python", [Path(sys.executable), newest_python()], ids=["this", "newest"])
def test_an_empty_environment_gets_it_by_pip_and_dubs(wheel: Path, tmp_path: Path, python: Path | None) -> None:
    if python is None:
        pytest.skip("this machine has no newer Python")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    own = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # the versions that were tested, where the lock names one; what else is needed pip finds out by itself
    constraint = tmp_path / "constraint.txt"
    constraint.write_text((REPOSITORY / "requirements.lock").read_text(encoding="utf-8"), encoding="utf-8")
    pip = [own, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "--quiet", "--constraint", constraint, wheel], check=True)
    checked = subprocess.run([*pip, "check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    outside |= {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [
        own,
        "-W",
        "error::SyntaxWarning",
        "-m",
        "synclips",
        "demo",
        "--offline",
        "--output-dir",
        tmp_path / "out",
    ]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "demo.mp4").stat().st_size > 10_000
    program = "import synclips; print(synclips.__file__); synclips.DubOptions()"
    where = subprocess.run([own, "-c", program], cwd=tmp_path, env=outside, capture_output=True, text=True, check=True)
    assert str(tmp_path) in where.stdout, "the installed package is the one that was used"
