"""What a renderer is, whichever preset's model it drives, and how one is made from a checkpoint."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int8, Int64, UInt8

from synclips.config import RecipeConfig, from_dict
from synclips.data.shards import sha256_of
from synclips.errors import CheckpointError
from synclips.features.face_mesh import lower_points
from synclips.features.speech_features import feature_count
from synclips.media.picture import Box
from synclips.models.blueprint import BlueprintModel
from synclips.models.checkpoint import load_into, read_metadata, tensor_shape
from synclips.models.generator import Generator, Refiner
from synclips.models.inner_mouth import InnerMouth
from synclips.models.motion import MotionModel
from synclips.models.refiner_engine import Engine
from synclips.rendering.blueprint import BlueprintLipSync
from synclips.rendering.frame_part import FramePart, Pixels
from synclips.rendering.lip_sync import LipSync
from synclips.tracking.tracked_video import TrackedVideo

SHIPPED = "base.safetensors"
FAST = "fast.safetensors"
"""A thinner refiner for the model beside it, else for the shipped one (see `load_model`)."""
NAMED = {"base": SHIPPED, "fast": FAST}
"""Files of the shipped models by the names under which they are chosen."""
INNER_MOUTH = "inner_mouth.safetensors"
"""The painter of inner mouths, beside the checkpoint that it belongs to."""
Model = Generator | BlueprintModel


@runtime_checkable
class Renderer(Protocol):
    """One person in one video, prepared to be rendered with any sound.

    `visibility`: how far a generated mouth may replace the original in each of the video's frames, in [0, 1]; lower it
    before anything is planned where the original is to stay.
    speech_layers: of the speech encoder, whose states its model hears (see `synclips.features.speech_features`).
    `kept`: why a frame keeps the original (`synclips.rendering.visibility.Kept`), as far as is known: what stands
    before a mouth is found when a frame is planned.
    """

    speech_layers: int
    visibility: Float32[np.ndarray, " n"]
    kept: Int8[np.ndarray, " n"]

    def plan(
        self,
        features: Float32[np.ndarray, "steps f"],
        times: Float64[np.ndarray, " n"],
        source: Int64[np.ndarray, " n"],
        on_frame: Callable[[], None] = lambda: None,
    ) -> Any:
        """What output frames at `times` (seconds), each made on the video's frame `source`, need.

        `on_frame` is called now and then, and may raise to end it.
        """

    def reach(self, source: int) -> Box:
        """The box of the video's frame `source` that `render_part` reads."""

    def render_part(self, frame: FramePart, source: int, plan: Any, step: int, skin: int | None = None) -> Pixels:
        """Output frame `step` of the plan, as far as `frame`, which holds the box of `reach`, shows it; safe to call in
        several threads at once."""

    def render(
        self, frame: UInt8[np.ndarray, "h w 3"], source: int, plan: Any, step: int, skin: int | None = None
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Output frame `step` of the plan."""


def load_model(checkpoint: Path | None, device: torch.device) -> tuple[Model, dict[str, Any]]:
    """The generator in a checkpoint (None: the shipped one), in evaluation mode, and what the file says of itself.

    A file of `recipe.distill` holds a refiner alone: all else is the model's in the file called `SHIPPED` beside it, or
    the shipped one's. `checkpoint`: see `model_path`.

    Raises:
        CheckpointError: missing, damaged, or not a generator; or a refiner for another model.
    """
    with model_path(checkpoint) as path:
        metadata = read_metadata(path)
        try:
            recipe = from_dict(RecipeConfig, metadata["recipe"], str(path))
        except KeyError as error:
            raise CheckpointError(f"{path} does not say what model it holds; name a checkpoint of SyncLips") from error
        if "hears" in metadata:
            return _with_refiner(path, recipe, metadata["hears"], device), metadata
        model = load_into(path, build_model(recipe)).to(device).eval()
        if isinstance(model, Generator):
            model.painters = tuple(network.to(device) for network in load_painters(path))
        return model, metadata


def model_digest(checkpoint: Path | None) -> str:
    """SHA-256 of the files that a model is read from (see `model_path`), in hexadecimal: of the file, where there is
    one.

    Raises:
        CheckpointError: missing, damaged, or not written by SyncLips.
    """
    with model_path(checkpoint) as path:
        own = sha256_of(path)
        if "hears" not in read_metadata(path):
            return own
        with _whole_model(path) as base:
            return hashlib.sha256((own + sha256_of(base)).encode()).hexdigest()


def sound_digest(motion: MotionModel) -> str:
    """A digest of what makes a motion model's embeddings of the sound: a refiner that was trained with others would not
    understand them."""
    digest = hashlib.sha256()
    for name, value in sorted(motion.state_dict().items()):
        if not name.startswith("head."):
            digest.update(name.encode())
            digest.update(value.half().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _with_refiner(path: Path, recipe: RecipeConfig, hears: str, device: torch.device) -> Generator:
    """The model that the refiner in `path` is for, with that refiner."""
    with _whole_model(path) as base:
        model, _ = load_model(base, device)
    if not isinstance(model, Generator) or sound_digest(model.motion) != hears:
        raise CheckpointError(f"{path} holds a refiner for another model than {base}; train it again, or use that one")
    thinner = replace(model.recipe.model, refiner=recipe.model.refiner)
    model.recipe = replace(model.recipe, model=thinner)
    model.refiner = load_into(path, Refiner(thinner)).to(device).eval()
    return model


@contextmanager
def _whole_model(path: Path) -> Iterator[Path]:
    """The whole model that a refiner's file is for."""
    beside = path.with_name(SHIPPED)
    with model_path(beside if beside.is_file() else None) as found:
        yield found


def load_painters(checkpoint: Path) -> tuple[InnerMouth, ...]:
    """The network that paints inner mouths, from the file beside the checkpoint, else the shipped one if there is one.

    Raises:
        CheckpointError: the file is damaged, or not such a network.
    """
    beside = checkpoint.with_name(INNER_MOUTH)
    with as_file(files("synclips").joinpath("weights", INNER_MOUTH)) as shipped:
        path = beside if beside.is_file() else shipped
        if not path.is_file():
            return ()
        try:
            config = from_dict(RecipeConfig, read_metadata(path)["recipe"], str(path)).model.inner_mouth
        except KeyError as error:
            raise CheckpointError(f"{path} does not say what it holds; delete it, or train it again") from error
        return (load_into(path, InnerMouth(config, tensor_shape(path, "codes.weight")[0])).eval(),)


@contextmanager
def model_path(checkpoint: Path | None) -> Iterator[Path]:
    """The checkpoint's file. None: the shipped model's, for as long as the context lasts; so is one named "base" or
    "fast", unless there is a file of that name.

    Raises:
        CheckpointError: there is no such file.
    """
    name = "base" if checkpoint is None else str(checkpoint)
    if checkpoint is not None and (name not in NAMED or checkpoint.exists()):
        if not checkpoint.is_file():
            raise CheckpointError(f"no such checkpoint: {checkpoint}; give a .safetensors file, base or fast")
        yield checkpoint
        return
    with as_file(files("synclips").joinpath("weights", NAMED[name])) as path:
        yield path


def build_model(recipe: RecipeConfig) -> Model:
    """An untrained generator of the recipe's preset."""
    if recipe.model.preset == "blueprint":
        return BlueprintModel()
    return Generator(feature_count(recipe.model.audio.speech_layers), len(lower_points()), recipe)


def build_renderer(model: Model, video: TrackedVideo, engine: Engine = "auto") -> Renderer:
    """The renderer that drives `model`; `engine`: of its refiner, if it has one."""
    return LipSync(model, video, engine=engine) if isinstance(model, Generator) else BlueprintLipSync(model, video)
