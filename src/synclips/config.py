"""Every setting of a model and of its training, as frozen values with one home for each default.

A TOML file overrides defaults; a key that is not a field is an error. The configuration travels inside the checkpoint.
"""

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from synclips.errors import ConfigError

Preset = Literal["base", "blueprint"]
FORMER_NAMES = {"seed": "blueprint"}
"""Names that presets had in recipes and checkpoints of earlier versions, and today's."""


@dataclass(frozen=True)
class AudioEncoderConfig:
    """Stem of two strided convolutions, then a transformer whose attention reaches `reach` frames either way."""

    dim: int = 192
    layers: int = 4
    heads: int = 4
    feedforward: int = 512
    dropout: float = 0.1
    reach: int = 8


@dataclass(frozen=True)
class SyncNetConfig:
    """Widths of the video encoder's four stages, and the size of the space that sound and lips share."""

    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    dim: int = 128


@dataclass(frozen=True)
class MotionConfig:
    """`components` of lower-face motion, predicted through `blocks` of cross-attention to the mouth bank."""

    components: int = 32
    blocks: int = 2
    heads: int = 4


@dataclass(frozen=True)
class RefinerConfig:
    """U-Net on the lower-face crop; `candidates` warped mouths are its input beside the base layer. `prior`: the logit
    by which the lip mask favours the first mouth inside and the base layer outside before anything is learned."""

    widths: tuple[int, int, int] = (48, 96, 160)
    blocks: int = 3
    candidates: int = 2
    prior: float = 6.0


@dataclass(frozen=True)
class ModelConfig:
    """One preset's architecture. `blueprint` is fixed layer for layer and ignores the rest."""

    preset: Preset = "base"
    audio: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)
    syncnet: SyncNetConfig = field(default_factory=SyncNetConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    refiner: RefinerConfig = field(default_factory=RefinerConfig)


@dataclass(frozen=True)
class StageConfig:
    """One stage of training.

    steps:       optimiser steps
    batch:       items a step (what an item is, the stage says)
    accumulate:  parts a batch is cut into where memory is short; the step is the same
    rate:        peak learning rate, after `warmup` steps, then along a cosine to a hundredth
    ema:         decay of the averaged weights that are validated and kept
    validate:    steps between two validations
    """

    steps: int
    batch: int
    accumulate: int = 1
    rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    validate: int = 250


@dataclass(frozen=True)
class AugmentConfig:
    """How far training data is bent. Every frame of a window is bent alike."""

    flip: float = 0.5
    rotation: float = 4.0
    shift: float = 2.5
    zoom: float = 0.05
    light: float = 0.2
    picture_noise: float = 3.0
    sound_noise: float = 0.7
    quietest_snr: float = 8.0
    formant: float = 0.12
    speed: float = 0.1


@dataclass(frozen=True)
class LossConfig:
    """Weights of the fine-tuning losses; the log names each loss by its key here."""

    motion: float = 1.0
    velocity: float = 2.0
    lips: float = 1.0
    opening: float = 0.5
    pixel: float = 10.0
    structure: float = 2.0
    gradient: float = 4.0
    sync: float = 0.1
    matching: float = 2.0
    adversarial: float = 0.2
    residual: float = 0.05


@dataclass(frozen=True)
class RenderConfig:
    """How frames are rendered; the same in training where training renders.

    residual_colour:  share of the residual's colour, beside its lightness, that is kept after training
    """

    residual_colour: float = 0.4


@dataclass(frozen=True)
class RecipeConfig:
    """The whole recipe. `seed` decides every random choice; `precision`: see `runtime.choose_precision`."""

    seed: int = 0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    model: ModelConfig = field(default_factory=ModelConfig)
    pretrain: StageConfig = field(default_factory=lambda: StageConfig(steps=3000, batch=100))
    motion: StageConfig = field(default_factory=lambda: StageConfig(steps=4000, batch=32))
    finetune: StageConfig = field(default_factory=lambda: StageConfig(steps=3000, batch=4, rate=4e-4, ema=0.995))
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    render: RenderConfig = field(default_factory=RenderConfig)

    def digest(self) -> str:
        """The first 12 digits of the settings' SHA-256: equal settings, equal digest."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


Config = TypeVar("Config")


def load_recipe(name: str | Path) -> RecipeConfig:
    """A shipped recipe by name ("base", "blueprint", "tiny"), or one from a TOML file.

    Raises:
        ConfigError: no such file or name, not TOML, an unknown key, or a value of the wrong kind.
    """
    path = Path(name)
    if path.suffix != ".toml":
        shipped = files("synclips.recipes").joinpath(f"{FORMER_NAMES.get(str(name), name)}.toml")
        if not shipped.is_file():
            raise ConfigError(f"no recipe named {name!r}; take base, blueprint or tiny, or a path ending in .toml")
        text = shipped.read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        raise ConfigError(f"no such file: {path}")
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    return from_dict(RecipeConfig, value, where=str(path))


def from_dict(kind: type[Config], value: dict[str, Any], where: str) -> Config:
    """Build a configuration value of `kind`; keys that are absent keep their defaults.

    Raises:
        ConfigError: an unknown key, or a value of the wrong kind; `where` names the source.
    """
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, given in value.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(known))}")
        wanted = hints[key]
        if is_dataclass(wanted):
            if not isinstance(given, dict):
                raise ConfigError(f"{where}: {key!r} is a table, [{key}]")
            start = asdict(getattr(kind(), key))
            arguments[key] = from_dict(wanted, _merged(start, given), f"{where}: {key}")  # type: ignore[arg-type]
        else:
            arguments[key] = _checked(given, wanted, f"{where}: {key}")
    return kind(**arguments)


def _merged(start: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {
        k: _merged(v, given[k]) if isinstance(v, dict) and isinstance(given.get(k), dict) else given.get(k, v)
        for k, v in start.items()
    } | {k: v for k, v in given.items() if k not in start}


def _checked(given: Any, wanted: Any, where: str) -> Any:
    origin = getattr(wanted, "__origin__", None)
    if wanted is Preset:
        given = FORMER_NAMES.get(given, given) if isinstance(given, str) else given
    if origin is Literal:
        if given not in wanted.__args__:
            raise ConfigError(f"{where} is one of {', '.join(map(str, wanted.__args__))}, not {given!r}")
        return given
    if origin is tuple:
        if not isinstance(given, list | tuple) or len(given) != len(wanted.__args__):
            raise ConfigError(f"{where} is a list of {len(wanted.__args__)} numbers, not {given!r}")
        return tuple(_checked(g, w, where) for g, w in zip(given, wanted.__args__, strict=True))
    if wanted is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, wanted) or (isinstance(given, bool) and wanted is not bool):
        raise ConfigError(f"{where} is a {wanted.__name__}, not {given!r}")
    return given
