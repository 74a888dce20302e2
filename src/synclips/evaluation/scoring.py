"""All figures and curves of one generated clip against the real one."""

from dataclasses import asdict, dataclass, field

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.evaluation.clip import Footage, Look, opening_share
from synclips.media.audio import Waveform
from synclips.metrics.articulation import articulation_figures, leaks
from synclips.metrics.evaluators import Evaluators
from synclips.metrics.image_quality import gradient_energy, mouth_boxes, picture_figures, ratio
from synclips.metrics.lip_reading import word_error_rate
from synclips.metrics.lip_shape import correlation, largest_lip_error, mean_lip_error, motion_in_silence
from synclips.metrics.lse import field_crops, measure_field_sync
from synclips.metrics.mouth_detail import ghosts, native_sharpness
from synclips.metrics.seams import outlines, seam_step
from synclips.metrics.sync import CONFIDENT, measure_sync

SEAM_EVERY = 5
"""Every so many frames seams are looked for."""


@dataclass(frozen=True)
class Score:
    """Figures by their names in synclips.evaluation.metric_table, and curves to plot."""

    figures: dict[str, float]
    traces: dict[str, list[float]] = field(default_factory=dict)


def sync_score(frames: UInt8[np.ndarray, "n h w 3"], seen: Look, waveform: Waveform, judges: Evaluators) -> Score:
    """How well lips and sound belong together."""
    found = measure_sync(judges.syncnet, seen.crops, waveform)
    figures = {
        "offset": float(found.offset),
        "within_one": 100.0 * (abs(found.offset) <= 1 and found.confidence >= CONFIDENT),
        "similarity": found.at_zero,
        "confidence": found.confidence,
        "lse_d": found.lse_d,
        "lse_c": found.lse_c,
    }
    if judges.original is not None:
        theirs = measure_field_sync(judges.original, field_crops(frames, seen.points), waveform)
        figures |= {"field_" + name: float(value) for name, value in asdict(theirs).items()}
    return Score(figures, {"sync": [round(float(v), 4) for v in np.nan_to_num(found.similarities)]})


def shape_score(seen: Look, rest: Float32[np.ndarray, "m 3"], target: Footage) -> Score:
    """How well the lips move as the real ones did, each measured from its own person at rest."""
    count = min(len(seen), len(target))
    made, true = seen.lower[:count] - rest, target.look.lower[:count] - target.rest
    opening = opening_share(seen.first(count), rest)
    wanted = opening_share(target.look.first(count), target.rest)
    figures = {
        "lve": largest_lip_error(made, true),
        "lmd": mean_lip_error(made, true),
        "opening": correlation(opening.astype(np.float32), wanted.astype(np.float32)),
        "opening_spread": ratio(float(opening.std()), float(wanted.std())),
    }
    return Score(figures, {"opening": opening.round(2).tolist(), "true_opening": wanted.round(2).tolist()})


def articulation_score(
    seen: Look, target: Footage, source: Footage, plan: Float32[np.ndarray, "n m 3"] | None = None
) -> Score:
    """How fully each movement of the lips is made, against the real one, in the picture and (if known) in the plan, and
    what stays of the movement of the video that the clip was made on."""
    count = min(len(seen), len(target), len(source), len(seen if plan is None else plan))
    picture, wanted = seen.lower[:count], target.look.lower[:count]
    figures = articulation_figures(picture, wanted)
    if plan is not None:
        figures |= articulation_figures(plan[:count], wanted, "plan_")
        if source is not target:
            for name, leak in leaks(picture, plan[:count], source.look.lower[:count]).items():
                figures |= {f"leak_{name}": leak.share, f"partial_leak_{name}": leak.partial}
    return Score({name: value for name, value in figures.items() if np.isfinite(value)})


def word_score(seen: Look, words: tuple[str, ...], judges: Evaluators) -> Score:
    """What the lip reader reads from the lips, against what is said."""
    if judges.lip_reader is None or not words:
        return Score({})
    return Score({"wer": 100 * word_error_rate(words, judges.lip_reader(seen.crops))})


def looks_score(frames: UInt8[np.ndarray, "n h w 3"], seen: Look, source: Footage) -> Score:
    """Sharpness against the frames that the clip was made on, and whether a face is still there."""
    count = min(len(frames), len(source))
    boxes = mouth_boxes(source.look.points[:count], frames.shape[2], frames.shape[1])
    made, real = (
        float(np.mean([gradient_energy(box.of(f)) for box, f in zip(boxes, pictures[:count], strict=True)]))
        for pictures in (frames, source.frames)
    )
    figures = {"sharpness_ratio": ratio(made, real), "no_face": 100 * float(1 - seen.visible.mean())}
    own = source.frames, source.look.points
    figures["native_sharpness"] = native_sharpness(frames, seen.points, *own)
    figures["ghost"] = float(np.median(ghosts(frames, seen.points, *own)))
    return Score({name: value for name, value in figures.items() if np.isfinite(value)})


def likeness_score(frames: UInt8[np.ndarray, "n h w 3"], real: Footage) -> Score:
    """Fidelity to the real frames, picture by picture."""
    count = min(len(frames), len(real))
    height, width = frames.shape[1:3]
    boxes = mouth_boxes(real.look.points[:count], width, height)
    figures = asdict(picture_figures(frames[:count], real.frames[:count], boxes))
    steps = []
    for i in range(0, count, SEAM_EVERY):
        masks = outlines(real.look.points[i], width, height).values()
        steps.append(max(seam_step(frames[i], real.frames[i], mask) for mask in masks))
    return Score(figures | {"seam": float(np.mean(steps))})


def rest_score(seen: Look, rest: Float32[np.ndarray, "m 3"], silent: np.ndarray) -> Score:
    """How still, and how closed, the mouth is in silent frames."""
    silent = silent[: len(seen)]
    if not silent.any():
        return Score({})
    opening = opening_share(seen, rest)
    figures = {"silence_motion": motion_in_silence(seen.lower, silent)}
    figures["silence_opening"] = float(np.abs(opening[silent]).mean())
    return Score({k: v for k, v in figures.items() if np.isfinite(v)}, {"opening": opening.round(2).tolist()})


def together(*scores: Score) -> Score:
    """All figures and curves of several scores; the first that has one gives it."""
    figures: dict[str, float] = {}
    traces: dict[str, list[float]] = {}
    for score in scores:
        figures = score.figures | figures
        traces = score.traces | traces
    return Score(figures, traces)
