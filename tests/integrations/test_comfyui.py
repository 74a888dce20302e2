"""The ComfyUI node, loaded as ComfyUI loads it, with its modules stubbed."""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from synclips.data.portrait import demo_portrait

FOLDER = Path(__file__).parents[2] / "integrations" / "comfyui"


class StoppedError(Exception):
    """ComfyUI's, raised when its user presses stop."""


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A stubbed ComfyUI: what its bar was told, and whether its user has pressed stop."""
    state: dict[str, Any] = {"bar": [], "stop": False}

    class ProgressBar:
        def __init__(self, total: int) -> None:
            assert total > 0

        def update_absolute(self, done: int, total: int) -> None:
            state["bar"].append((done, total))

    def throw() -> None:
        if state["stop"]:
            raise StoppedError

    package, utils, management = (types.ModuleType(n) for n in ("comfy", "comfy.utils", "comfy.model_management"))
    utils.ProgressBar = ProgressBar  # type: ignore[attr-defined]
    management.throw_exception_if_processing_interrupted = throw  # type: ignore[attr-defined]
    for module in (package, utils, management):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return state


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The folder as a package, as ComfyUI imports what lies in custom_nodes."""
    spec = importlib.util.spec_from_file_location(
        "custom_synclips", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "custom_synclips", module)
    spec.loader.exec_module(module)
    return module


def test_the_node_describes_itself_as_comfyui_asks(nodes: Any) -> None:
    [(name, node)] = nodes.NODE_CLASS_MAPPINGS.items()
    assert name in nodes.NODE_DISPLAY_NAME_MAPPINGS
    asked = node.INPUT_TYPES()
    names = [*asked["required"], *asked["optional"]]
    code = getattr(node, node.FUNCTION).__code__
    assert names == list(code.co_varnames[1 : code.co_argcount])
    assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == 3


def test_the_node_dubs_and_can_be_stopped(nodes: Any, comfy: dict[str, Any]) -> None:
    image = np.asarray(Image.fromarray(demo_portrait()).resize((241, 240)))
    images = torch.from_numpy(image.copy()).float()[None].repeat(15, 1, 1, 1) / 255
    noise = 0.1 * torch.randn(1, 2, 8_000, generator=torch.Generator().manual_seed(0))
    speech = {"waveform": noise, "sample_rate": 16_000}
    node = nodes.NODE_CLASS_MAPPINGS["SyncLipsDub"]()
    made, sound, notes = node.dub(images, 25.0, "", "cut_off", "speaker", 1.0, speech=speech)
    assert made.shape[1:] == (240, 240, 3)
    assert abs(len(made) - 13) <= 1
    assert 0 <= float(made.min()) < float(made.max()) <= 1
    assert sound["waveform"].shape[:2] == (1, 1)
    assert abs(sound["waveform"].shape[2] / sound["sample_rate"] - 0.5) < 0.1
    assert isinstance(notes, str)
    assert comfy["bar"]
    comfy["stop"] = True
    with pytest.raises(StoppedError):
        node.dub(images, 25.0, "", "cut_off", "speaker", 1.0, speech=speech)
