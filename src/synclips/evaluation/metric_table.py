"""Every figure that a report prints: key, name, unit, digits, and whether more is better."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from synclips.metrics.articulation import MOVEMENTS


@dataclass(frozen=True)
class Measure:
    """`better`: larger, smaller, near a value (`target`), or neither."""

    label: str
    meaning: str
    digits: int = 2
    better: Literal["larger", "smaller", "near", "neither"] = "neither"
    target: float = 0.0

    def gain(self, value: float, over: float) -> float:
        """How much better `value` is than `over`, in the measure's own unit; 0 where neither way is better."""
        if self.better == "larger":
            return value - over
        if self.better == "smaller":
            return over - value
        return abs(over - self.target) - abs(value - self.target) if self.better == "near" else 0.0


AGAINST: Final = ("plan_{}_amplitude", "plan_{}_r", "{}_amplitude", "{}_r", "leak_{}", "partial_leak_{}")
"""Names of a movement's figures: amplitude and correlation of plan and of picture, and what stays of the source."""


def _articulation() -> Iterator[tuple[str, Measure]]:
    spread, r = "standard deviation over the real one's", "correlation with the real one's"
    for movement in MOVEMENTS:
        title = movement.capitalize()
        kinds = (
            Measure(f"{title}, plan x", f"planned {movement}: {spread}", 2, "near", 1.0),
            Measure(f"{title}, plan r", f"planned {movement}: {r}", 2, "larger"),
            Measure(f"{title} x", f"{movement} found in the picture: {spread}", 2, "near", 1.0),
            Measure(f"{title} r", f"{movement} found in the picture: {r}", 2, "larger"),
            Measure(
                f"{title}, leak", "share of the source's own movement, instead of the planned, that stays", 2, "near"
            ),
            Measure(f"{title}, partial", "correlation of picture and source, the plan held fixed", 2, "near"),
        )
        yield from zip((name.format(movement) for name in AGAINST), kinds, strict=True)


MEASURES: Final = MappingProxyType(
    {
        "psnr_mouth": Measure("PSNR mouth", "dB in the mouth box, mean over frames", 2, "larger"),
        "ssim_mouth": Measure("SSIM mouth", "in the mouth box, luminance", 3, "larger"),
        "psnr_frame": Measure("PSNR frame", "dB over the whole frame", 2, "larger"),
        "ssim_frame": Measure("SSIM frame", "over the whole frame, luminance", 4, "larger"),
        "lve": Measure("LVE", "largest lip error of a frame, % of the inter-ocular distance", 2, "smaller"),
        "lmd": Measure("LMD", "mean lip error, % of the inter-ocular distance", 2, "smaller"),
        "opening": Measure("Opening r", "correlation of the mouth's opening with the real one's", 2, "larger"),
        "opening_spread": Measure("Opening spread", "its standard deviation over the real one's", 2, "near", 1.0),
        "sharpness_ratio": Measure("Sharpness", "gradient energy in the mouth box, made / real", 2, "near", 1.0),
        "native_sharpness": Measure(
            "Sharpness of lips", "gradient energy within the lips over the person's own as far open", 2, "near", 1.0
        ),
        "ghost": Measure("Ghost", "0: one mouth explains the picture's; 1: halves of two unlike ones do", 3, "smaller"),
        "flicker_ratio": Measure("Flicker", "energy of the second difference in time, made / real", 2, "near", 1.0),
        "seam": Measure("Seam", "grey levels of the plainest step along an outline, made less real", 2, "smaller"),
        "offset": Measure("AV offset", "frames by which the sound lags the picture (judge)", 2, "near", 0.0),
        "within_one": Measure("Within 1 frame", "% of clips whose AV offset is surely -1, 0 or 1 (judge)", 1, "larger"),
        "similarity": Measure("Sync", "cosine similarity of lips and sound at offset 0 (judge)", 3, "larger"),
        "confidence": Measure("Sync confidence", "best similarity less the median over offsets (judge)", 3, "larger"),
        "lse_d": Measure("LSE-D (ours)", "least mean distance over offsets, our judge's unit vectors", 3, "smaller"),
        "lse_c": Measure("LSE-C (ours)", "median less least of the mean distances, our judge", 3, "larger"),
        "field_lse_d": Measure("LSE-D", "original SyncNet", 3, "smaller"),
        "field_lse_c": Measure("LSE-C", "original SyncNet", 3, "larger"),
        "field_offset": Measure("AV offset (original)", "original SyncNet; positive: the sound lags", 2, "near", 0.0),
        "wer": Measure("WER", "% of words the lip reader gets wrong", 1, "smaller"),
        "silence_motion": Measure(
            "Motion in silence", "lip speed, % of the inter-ocular distance a frame", 3, "smaller"
        ),
        "silence_opening": Measure(
            "Open in silence", "opening beyond rest, % of the inter-ocular distance", 2, "smaller"
        ),
        "no_face": Measure("No face", "% of frames in which no face is found", 1, "smaller"),
        "speed": Measure("Frames/s", "made, rendering and all, on the machine named above", 1, "larger"),
        **dict(_articulation()),
    }
)
ARTICULATION: Final = frozenset(name.format(movement) for movement in MOVEMENTS for name in AGAINST)
"""The figures that a report prints in a table of their own, movement by movement."""
