"""How far this person moves their lips when they speak, against what the motion model makes of their own sound.

The model learns how far people move from those it was trained on, and people differ by a factor of two. A video with
sound says what this person does. Where the motion predicted from that sound follows the lips in the picture, the ratio
of the two amplitudes is this person's; it says nothing where it does not follow (music, another speaker, a laugh).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

from synclips.features.face_mesh import lower_opening

SECONDS: Final = 120.0
"""Of the video's beginning that are compared at most, as far as it has been tracked."""
FEWEST: Final = 50
"""Frames in which the face must be seen."""
LAG: Final = 8
"""Frames by which sound and picture may lie apart."""
FOLLOWS: Final = 0.45
"""Correlation of the two openings from which the motion follows the lips."""
AIM: Final = 0.85
"""Share of the person's own amplitude that is aimed at; a motion that reaches it is left alone."""
LARGEST: Final = 1.5


@dataclass(frozen=True)
class Following:
    """How lips follow what is predicted of them from sound, by their opening.

    lag:       frames by which the sound lags the picture
    agreement: correlation at that lag
    amplitude: of the lips, as a multiple of the predicted one
    """

    lag: int
    agreement: float
    amplitude: float


def following(
    planned: Float32[np.ndarray, "n m 3"], own: Float32[np.ndarray, "n m 3"], seen: Bool[np.ndarray, " n"]
) -> Following | None:
    """How lips follow the prediction at the lag at which they do best; None where they do not follow it at any.

    `planned`: lower faces predicted from the video's own sound, frame by frame; `own`: those in the picture; both
    canonical; `seen`: frames that show the face.
    """
    made, true = (np.array([lower_opening(face) for face in faces]) for faces in (planned, own))
    found, best = None, FOLLOWS
    for lag in range(-LAG, LAG + 1):
        frames = np.arange(max(0, lag), min(len(made), len(made) + lag))
        frames = frames[seen[frames - lag]]
        a, b = made[frames], true[frames - lag]
        if len(frames) < FEWEST or a.std() < 1e-3 or b.std() < 1e-3:
            continue
        agreement = float(np.corrcoef(a, b)[0, 1])
        if agreement > best:
            best, found = agreement, Following(lag, agreement, float(b.std() / a.std()))
    return found


def speaking_gain(found: Following | None) -> float:
    """The factor in [1, `LARGEST`] that brings predicted displacements of the lower face to this person's range."""
    return 1.0 if found is None else float(np.clip(AIM * found.amplitude, 1.0, LARGEST))
