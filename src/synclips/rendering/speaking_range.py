"""How far this person moves their lips when they speak, against what the motion model makes of their own sound.

The model learns how far people move from those it was trained on, and people differ by a factor of two. A video with
sound says what this person does. Where the motion predicted from that sound follows the lips in the picture, the ratio
of the two amplitudes is this person's; it says nothing where it does not follow (music, another speaker, a laugh).
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

from synclips.features.face_mesh import lower_opening

SECONDS: Final = 12.0
"""Of the video's beginning that are compared."""
FEWEST: Final = 50
"""Frames in which the face must be seen."""
LAG: Final = 8
"""Frames by which sound and picture may lie apart."""
FOLLOWS: Final = 0.45
"""Correlation of the two openings from which the motion follows the lips."""
AIM: Final = 0.85
"""Share of the person's own amplitude that is aimed at; a motion that reaches it is left alone."""
LARGEST: Final = 1.5


def speaking_gain(
    planned: Float32[np.ndarray, "n m 3"], own: Float32[np.ndarray, "n m 3"], seen: Bool[np.ndarray, " n"]
) -> float:
    """The factor in [1, `LARGEST`] that brings predicted displacements of the lower face to this person's range.

    `planned`: lower faces predicted from the video's own sound, frame by frame; `own`: those in the picture; both
    canonical; `seen`: frames that show the face.
    """
    made, true = (np.array([lower_opening(face) for face in faces]) for faces in (planned, own))
    best, gain = FOLLOWS, 1.0
    for lag in range(-LAG, LAG + 1):
        frames = np.arange(max(0, lag), min(len(made), len(made) + lag))
        frames = frames[seen[frames - lag]]
        a, b = made[frames], true[frames - lag]
        if len(frames) < FEWEST or a.std() < 1e-3 or b.std() < 1e-3:
            continue
        agreement = float(np.corrcoef(a, b)[0, 1])
        if agreement > best:
            best, gain = agreement, float(AIM * b.std() / a.std())
    return float(np.clip(gain, 1.0, LARGEST))
