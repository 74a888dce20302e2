"""Channel layouts of sound and the matrices that turn one into another without clipping."""

from typing import Final

import av
import numpy as np
from jaxtyping import Float32

Channels = tuple[str, ...]
"""Names of the channels in FFmpeg's order: FL front left, FC centre, LFE low frequencies, SL side, BL back, ..."""

MONO: Final[Channels] = ("FC",)
STEREO: Final[Channels] = ("FL", "FR")
_SURROUND: Final[dict[str, Channels]] = {
    "mono": MONO,
    "stereo": STEREO,
    "3.0": ("FL", "FR", "FC"),
    "quad": ("FL", "FR", "BL", "BR"),
    "4.0": ("FL", "FR", "FC", "BC"),
    "5.0": ("FL", "FR", "FC", "BL", "BR"),
    "5.1": ("FL", "FR", "FC", "LFE", "BL", "BR"),
    "7.1": ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
_WRITTEN: Final = {
    "aac": ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"),
    "libopus": ("mono", "stereo", "3.0", "quad", "5.1", "7.1"),
}
"""Layouts that each encoder writes and players place right, from the smallest to the largest."""
_UNNAMED: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
"""What a file means that gives only the number of its channels."""

_HALF_POWER: Final = 0.5**0.5
_NEAREST: Final[dict[str, tuple[dict[str, float], ...]]] = {
    "FC": ({"FL": _HALF_POWER, "FR": _HALF_POWER},),
    "FL": ({"FC": _HALF_POWER},),
    "FR": ({"FC": _HALF_POWER},),
    "SL": ({"BL": 1.0}, {"FL": _HALF_POWER}, {"FC": 0.5}),
    "SR": ({"BR": 1.0}, {"FR": _HALF_POWER}, {"FC": 0.5}),
    "BL": ({"SL": 1.0}, {"BC": _HALF_POWER}, {"FL": _HALF_POWER}, {"FC": 0.5}),
    "BR": ({"SR": 1.0}, {"BC": _HALF_POWER}, {"FR": _HALF_POWER}, {"FC": 0.5}),
    "BC": (
        {"BL": _HALF_POWER, "BR": _HALF_POWER},
        {"SL": _HALF_POWER, "SR": _HALF_POWER},
        {"FL": 0.5, "FR": 0.5},
        {"FC": 0.5},
    ),
    "FLC": ({"FL": 1.0}, {"FC": _HALF_POWER}),
    "FRC": ({"FR": 1.0}, {"FC": _HALF_POWER}),
    "DL": ({"FL": 1.0}, {"FC": _HALF_POWER}),
    "DR": ({"FR": 1.0}, {"FC": _HALF_POWER}),
}
"""Where a channel goes that the target lacks, the best place first (ITU-R BS.775-3, annex 4)."""


def channels_of(layout: av.AudioLayout) -> Channels:
    """The channels of FFmpeg's `layout`; where it does not name them, what their number usually means.

    More than eight unnamed channels are called "1", "2", ...; of Ambisonics the names are AMBI0, AMBI1, ...
    """
    names = tuple(channel.name for channel in layout.channels)
    if len(names) == 1:
        return MONO
    if "NONE" not in names and "UNKNOWN" not in names and len(set(names)) == len(names):
        return names
    usual = _UNNAMED.get(len(names))
    return _SURROUND[usual] if usual else tuple(str(number + 1) for number in range(len(names)))


def mix_matrix(source: Channels, target: Channels) -> Float32[np.ndarray, "to from"]:
    """Gains that turn the channels `source` into `target`.

    A channel that both have keeps its level. Others go to the nearest loudspeakers with the coefficients of ITU-R
    BS.775-3; low frequencies (LFE) without a place are left out, as there. If a sum could then pass full scale, all
    gains are scaled so that none can.
    """
    matrix = np.zeros((len(target), len(source)))
    for column, name in enumerate(source):
        for place, gain in _places(name, source, target).items():
            matrix[target.index(place), column] = gain
    return (matrix / max(1.0, float(np.abs(matrix).sum(axis=1).max(initial=0)))).astype(np.float32)


def _places(name: str, source: Channels, target: Channels) -> dict[str, float]:
    if source == MONO:
        return dict.fromkeys(MONO if MONO[0] in target else STEREO, 1.0)
    if name in target:
        return {name: 1.0}
    if name.startswith("LFE") or (name.startswith("AMBI") and name != "AMBI0"):
        return {}
    if name == "AMBI0" or name.isdigit():
        return dict.fromkeys(MONO if MONO[0] in target else STEREO, 1.0)
    alternatives = _NEAREST.get(name) or _NEAREST[{"L": "SL", "R": "SR"}.get(name[-1], "BC")]
    return next((places for places in alternatives if set(places) <= set(target)), {})


def written_layout(channels: Channels, encoder: str) -> tuple[str, Channels]:
    """FFmpeg's name and the channels of the layout in which `encoder` ("aac" or "libopus") writes `channels`.

    The smallest that has a place for each of them (side channels may stand at the back); stereo where none has.
    """
    for name in _WRITTEN[encoder]:
        target = _SURROUND[name]
        if len(target) >= len(channels) and _holds(target, channels):
            return name, target
    return ("mono", MONO) if all(name.isdigit() or name.startswith("AMBI") for name in channels) else ("stereo", STEREO)


def _holds(target: Channels, channels: Channels) -> bool:
    side_at_back = {"SL": "BL", "SR": "BR"} if "BL" not in channels and "SL" not in target else {}
    return {side_at_back.get(name, name) for name in channels} <= set(target)


def speech_gains(channels: Channels) -> Float32[np.ndarray, " channels"]:
    """How loud each channel plays a voice that is measured in the mono mix: in the centre, else in front, else in all.

    Mixed to mono again, the voice has the level that it had.
    """
    chosen = [name for name in ("FC",) if name in channels] or [name for name in STEREO if name in channels]
    mask = np.array([not chosen or name in chosen for name in channels], np.float32)
    weights = mix_matrix(channels, MONO)[0] * mask
    return (mask / weights.sum() if weights.sum() > 0 else mask).astype(np.float32)
