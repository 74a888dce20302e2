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
    """Stem of two strided convolutions, then a transformer whose attention reaches `reach` frames either way.

    speech_layers:  layers of Whisper's encoder whose states are heard beside the MFCC; 0: MFCC alone
    speech_width:   values that a state is reduced to
    """

    dim: int = 192
    layers: int = 4
    heads: int = 4
    feedforward: int = 512
    dropout: float = 0.1
    reach: int = 8
    speech_layers: int = 0
    speech_width: int = 96


@dataclass(frozen=True)
class SyncNetConfig:
    """Widths of the video encoder's four stages, and the size of the space that sound and lips share."""

    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    dim: int = 128


@dataclass(frozen=True)
class MotionConfig:
    """`components` of lower-face motion, predicted through `blocks` of cross-attention to the mouth bank.

    bank_share:  share of the training windows that see the bank, and weight of the prediction that sees it afterwards
                 (EXPERIMENTS.md, "The bank, trusted half")
    """

    components: int = 32
    blocks: int = 2
    heads: int = 4
    bank_share: float = 0.5


@dataclass(frozen=True)
class RefinerConfig:
    """U-Net on the lower-face crop; `candidates` warped mouths are its input beside the base layer. `prior`: the logit
    by which the lip mask favours the first mouth inside and the base layer outside before anything is learned."""

    widths: tuple[int, int, int] = (48, 96, 160)
    blocks: int = 3
    candidates: int = 2
    prior: float = 6.0


@dataclass(frozen=True)
class InnerMouthConfig:
    """The painter of inner mouths: widths and innermost blocks of its U-Net, size of a person's code, and of the vector
    that modulates the network."""

    widths: tuple[int, int, int] = (24, 40, 56)
    blocks: int = 2
    code: int = 16
    hidden: int = 64


@dataclass(frozen=True)
class ModelConfig:
    """One preset's architecture. `blueprint` is fixed layer for layer and ignores the rest."""

    preset: Preset = "base"
    audio: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)
    syncnet: SyncNetConfig = field(default_factory=SyncNetConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    refiner: RefinerConfig = field(default_factory=RefinerConfig)
    inner_mouth: InnerMouthConfig = field(default_factory=InnerMouthConfig)


@dataclass(frozen=True)
class StageConfig:
    """One stage of training.

    steps:       optimiser steps
    batch:       items a step (what an item is, the stage says)
    accumulate:  parts a batch is cut into where memory is short; the step is the same
    rate:        peak learning rate, after `warmup` steps, then along a cosine to a hundredth
    ema:         decay of the averaged weights that are validated and kept
    validate:    steps between two validations
    minutes:     after which the stage ends though steps are left, the rate falling accordingly; 0: no limit
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
    minutes: float = 0.0


@dataclass(frozen=True)
class DistillConfig(StageConfig):
    """How a thinner refiner learns from a trained one; a step's batch is of frames. No steps: no such refiner.

    windows:   windows that are rendered, from which frames are drawn again and again, each time changed anew
    examples:  frames that it is first fitted to, layer by layer (see training.thinning)
    crossed:   share of the windows that say another clip's sound: what a dub shows is nobody's real picture
    pixel, gradient, shares, choice, residual:  weights of the losses: of the picture, of its gradients, of the layers'
               weights, of which mouth wins, of the residual; all against the trained refiner's
    """

    steps: int = 0
    batch: int = 16
    windows: int = 800
    examples: int = 96
    crossed: float = 0.5
    pixel: float = 10.0
    gradient: float = 10.0
    shares: float = 1.0
    choice: float = 0.1
    residual: float = 5.0


@dataclass(frozen=True)
class AugmentConfig:
    """How far training data is changed. Every frame of a window is changed alike.

    flip:          probability that pictures are mirrored
    rotation, shift, zoom, light, picture_noise:  largest turn (degrees), shift (pixels) and change of size (share) of a
                   crop, its change of light (share) and its noise (grey levels)
    sound_noise, quietest_snr:  probability of noise in the sound, and its lowest signal-to-noise ratio (dB)
    room:          probability that the sound comes through another room and microphone (see data.room)
    formant, speed:  largest logarithm of the change of vocal tract length and of speed
    style, style_detail:  standard deviation of the logarithm of how much more or less than in truth a clip's speaker
                   moves: in all, and in each component. The bank is changed alike, so the model must read from it how
                   much this person moves (EXPERIMENTS.md, 2026-11-24, "Motion")
    layer_light, layer_tint, base_tint:  standard deviations of the gains of each mouth layer, of each of its colours,
                   and of the base layer's colours (see training.window_frames)
    gain, tint, gamma, saturation:  standard deviations of the logarithms of a window's gain, of its colours' and of its
                   gamma, and the limits of its saturation (EXPERIMENTS.md, 2026-11-24, "Joint stage")
    shape_noise:   standard deviation by which true shapes are moved as a whole (canonical units), so that the refiner
                   does not rely on them
    """

    flip: float = 0.5
    rotation: float = 4.0
    shift: float = 2.5
    zoom: float = 0.05
    light: float = 0.2
    picture_noise: float = 3.0
    sound_noise: float = 0.7
    quietest_snr: float = 8.0
    room: float = 0.0
    formant: float = 0.12
    speed: float = 0.1
    style: float = 0.1
    style_detail: float = 0.05
    layer_light: float = 0.04
    layer_tint: float = 0.015
    base_tint: float = 0.01
    gain: float = 0.1
    tint: float = 0.04
    gamma: float = 0.15
    saturation: tuple[float, float] = (0.6, 1.3)
    shape_noise: float = 0.15


@dataclass(frozen=True)
class SamplingConfig:
    """What training draws, how often, and how much it counts.

    moments, moment_distance:  moments taken from one clip in pretraining, and the frames between two of them at least
    motion_window, motion_bank:  frames of a window in the motion stage, and places of its mouth bank
    variants:      differently changed copies of each clip in the motion stage, half of them mirrored
    other_clip:    share of the motion stage's banks taken from another clip of the speaker
    partial_bank:  share of the motion stage's banks that are not full
    refiner_bank:  places of the bank in the joint stage; few, since the video encoder is trained through them
    photograph:    share of the joint stage's windows that have one picture only (EXPERIMENTS.md, "Joint stage")
    turned, largest_turn:  share of its windows whose head is turned, since the corpus's heads hardly move, and the
                   largest pitch, yaw and roll in degrees; half of that is the standard deviation
    skipped:       most mouths that a window's choice may leave out, the nearest ones
    predicted_weight:  weight of the picture losses where the shape was predicted from sound: the lips are not exactly
                   where the target's are, and full weight would teach blur
    discriminator_start:  share of the joint stage's steps before the discriminator counts
    motion_rate:   factor on the learning rate of the motion model in the joint stage: it has been trained already
    fitted_layer:  whether the last layer of a motion model that goes on learning (`--from`) is first fitted to the
                   corpus in closed form
    trained_share:  how far the weights of such a model go towards what training made of
                   them: below 1 less is forgotten (see training.adaptation)
    """

    moments: int = 10
    moment_distance: int = 3
    motion_window: int = 48
    motion_bank: int = 48
    variants: int = 6
    other_clip: float = 0.5
    partial_bank: float = 0.4
    refiner_bank: int = 8
    photograph: float = 0.25
    turned: float = 0.4
    largest_turn: tuple[float, float, float] = (10.0, 14.0, 5.0)
    skipped: int = 3
    predicted_weight: float = 0.3
    discriminator_start: float = 0.08
    motion_rate: float = 0.25
    fitted_layer: bool = True
    trained_share: float = 1.0


@dataclass(frozen=True)
class LinesConfig:
    """Lines that engines speak and lips follow by rule, from which the motion stage learns what a corpus with few
    sentences does not hold (see training.spoken_lines).

    hibari, espeak:  lines by either engine; 0 and 0: the stage learns from the corpus alone
    variants:  differently changed copies of each line
    windows:   of a step, beside those of the corpus (`batch`)
    """

    hibari: int = 0
    espeak: int = 0
    variants: int = 2
    windows: int = 14


@dataclass(frozen=True)
class LossConfig:
    """Weights of the fine-tuning losses; the log names each loss by its key here. `closed` is of spoken lines alone."""

    motion: float = 1.0
    velocity: float = 2.0
    lips: float = 1.0
    opening: float = 0.5
    shape: float = 1.0
    agreement: float = 0.5
    closed: float = 1.0
    pixel: float = 10.0
    structure: float = 2.0
    gradient: float = 4.0
    sync: float = 0.1
    matching: float = 2.0
    adversarial: float = 0.2
    residual: float = 0.05


@dataclass(frozen=True)
class RenderConfig:
    """How frames are rendered; the joint stage renders alike. Costs are in squared canonical units of lip distance.

    attended:      mouths of the bank that the motion model attends to, evenly over the bank
    chunk, overlap:  frames of motion predicted at once, and those on either side that only give context
    bank, bank_bytes:  mouths that a bank holds at most, and memory that its pictures may take
    choice:        how mouths are chosen: by the cheapest path over all frames, for each frame by itself, or always the
                   bank's middle one (EXPERIMENTS.md, "Ablations")
    turn_cost:     of a squared radian of difference in head pose
    jump_cost:     of going on with another mouth than the same or the next one (EXPERIMENTS.md, "Rendering, after
                   looking at HD and at the photograph", as turn_cost, spoken_reach and residual_colour)
    soft_cost:     of a mouth without any detail (see mouth_bank.softness)
    occluded_cost, repeat_cost:  of a mouth that is covered, and of the second mouth being the first or next to it
    moving:        what a spoken line moves: the whole lower face, or the lips alone ("Ablations")
    spoken_reach:  canonical units from the lips beyond which no mouth of the bank and no residual is shown
    chin_gain, lip_gain, corner_gain, measure_chin:  by how much further than its mesh says a face moves in the picture:
                   chin, jaw and cheeks (where `measure_chin`, only unless the person's own frames tell), lips across
                   and along the face, and their corners along it (see rendering.mesh_gain)
    contact:       openings (canonical units beyond rest) below which a mouth is shut, and from which it is as planned;
                   0 and 0: it is always as planned (see rendering.lip_contact)
    steady_frames:  frames on either side that steady a frame's own mesh
    outlier:       canonical units by which a frame's rigid points lie off those frames' before their mesh replaces its
    residual_colour:  share of the residual's colour, beside its lightness, that is kept after training
    largest_gain:  most by which matching a mouth's colour brightens or darkens it
    lit_opening, darkest, closing:  opening (canonical units) from which the inner mouth is as light as in its picture;
                   share of the light that is left when the lips meet; only a mouth this many times as open as is wanted
                   is shaded, since others were seen at about this opening
    detail, detail_scale:  crop pixels below which detail comes from one layer alone where a frame has as many pixels
                   as the crop; in finer frames it grows with their scale, up to detail / detail_scale
    mouth_power:   power of the mouths' mean weights within the lips by which they share what is not base layer: 1
                   blends them, many let one win
    detail_power:  power of the layers' weights by which they share that detail: a mean of two mouths' teeth is blurred
    largest_grain:  most grain that is added, in grey levels (standard deviation)
    """

    attended: int = 48
    chunk: int = 500
    overlap: int = 50
    bank: int = 240
    bank_bytes: int = 400 << 20
    choice: Literal["path", "frame", "middle"] = "path"
    turn_cost: float = 120.0
    jump_cost: float = 0.75
    soft_cost: float = 20.0
    occluded_cost: float = 1000.0
    repeat_cost: float = 30.0
    moving: Literal["lower face", "lips"] = "lower face"
    spoken_reach: float = 28.0
    chin_gain: float = 1.3
    lip_gain: tuple[float, float] = (1.0, 1.0)
    corner_gain: float = 1.0
    measure_chin: bool = True
    contact: tuple[float, float] = (0.25, 1.2)
    steady_frames: int = 2
    outlier: float = 4.0
    residual_colour: float = 0.4
    largest_gain: float = 1.35
    lit_opening: float = 4.0
    darkest: float = 0.3
    closing: float = 1.5
    detail: float = 0.8
    detail_scale: float = 0.5
    mouth_power: float = 8.0
    detail_power: int = 8
    largest_grain: float = 4.0


@dataclass(frozen=True)
class PersonalizeConfig:
    """How a model is fitted to one person by their own video, in a given time.

    motion_share:  share of the time that the motion model gets; the refiner has the rest
    rate, warmup, clip:  as StageConfig
    validations:   how often each part is measured on what is held out
    windows, window, bank:  of a step of the motion model: windows, frames of each, places of its mouth bank
    refiner_windows:  windows of a step of the refiner
    least_confidence:  of the SyncNet, that the sound belongs to these lips; below it the model is left as it is
    """

    motion_share: float = 0.4
    rate: float = 2e-4
    warmup: int = 10
    clip: float = 1.0
    validations: int = 6
    windows: int = 8
    window: int = 24
    bank: int = 24
    refiner_windows: int = 2
    least_confidence: float = 0.1


@dataclass(frozen=True)
class RecipeConfig:
    """The whole recipe. `seed` decides every random choice; `precision`: see `runtime.choose_precision`."""

    seed: int = 0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    model: ModelConfig = field(default_factory=ModelConfig)
    pretrain: StageConfig = field(default_factory=lambda: StageConfig(steps=3000, batch=100))
    motion: StageConfig = field(default_factory=lambda: StageConfig(steps=4000, batch=32))
    finetune: StageConfig = field(default_factory=lambda: StageConfig(steps=3000, batch=4, rate=4e-4, ema=0.995))
    inner_mouth: StageConfig = field(default_factory=lambda: StageConfig(steps=4000, batch=16, rate=4e-4, ema=0.995))
    distill: DistillConfig = field(default_factory=DistillConfig)
    lines: LinesConfig = field(default_factory=LinesConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    personalize: PersonalizeConfig = field(default_factory=PersonalizeConfig)

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
            raise ConfigError(
                f"no recipe named {name!r}; take base, fast, gpu, adapt, lines, blueprint, tiny or a path ending in "
                ".toml"
            )
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
