"""Wav2Lip as a method of the evaluation's protocol, used as its authors' released inference uses it.

The face is cut out, painted at 96 x 96, enlarged (bilinear) and put back as a whole box, unblended. As in
released inference each frame is its own reference, except in `reconstruct`: there its own lips are the answer, and the
reference lies half a clip away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from synclips.data.shards import sha256_of
from synclips.evaluation.clip import Footage
from synclips.evaluation.protocol import KEEP_AWAY, Method
from synclips.evaluation.results import Task
from synclips.features.alignment import crop_face
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.timebase import frames_in
from synclips.models.checkpoint import load_into, read_metadata, save_model
from synclips.rendering.compositor import paste_back
from synclips.runtime import device_of
from wav2lip.network import Wav2Lip
from wav2lip.sound import mel_windows
from wav2lip.training import FACE_VIEW

BATCH = 15
"""Frames painted at once."""


def keep(best: Path, target: Path, width: int) -> Path:
    """Write a trained generator again with what is needed to build it."""
    save_model(target, load_into(best, Wav2Lip(width)), read_metadata(best) | {"width": width})
    return target


def wav2lip_method(checkpoint: Path, device: torch.device) -> Method:
    """The generator that `keep` wrote, ready for the protocol, by the name of its file.

    Raises:
        CheckpointError: missing, damaged, or of another architecture.
    """
    model = load_into(checkpoint, Wav2Lip(int(read_metadata(checkpoint)["width"]))).to(device).eval()
    return Method(checkpoint.stem, Maker(model), sha256_of(checkpoint)[:16])


@dataclass(frozen=True)
class Maker:
    """A generator in evaluation mode; called, it makes the frames of `footage` saying `waveform`."""

    model: Wav2Lip

    def __call__(self, footage: Footage, waveform: Waveform, task: Task) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Frames as large as those of `footage`; those without a face stay as they are."""
        count = min(len(footage), frames_in(len(waveform.samples)))
        mels = mel_windows(normalise_loudness(waveform), np.arange(count))
        alignment = footage.video.alignment
        crops = np.stack([crop_face(*pair) for pair in zip(footage.frames, alignment, strict=True)])
        faces = FACE_VIEW.show(crops)
        references = faces[reference_frames(len(footage), task)]
        for start in range(0, count, BATCH):
            part = slice(start, min(start + BATCH, count))
            made = self._paint(faces[part], references[part], mels[part])
            for step, picture in enumerate(made, start):
                frame = footage.frames[step]
                visible = footage.video.track.visible[step]
                yield paste_face(frame, picture, alignment[step]) if visible else frame

    @torch.no_grad()
    def _paint(
        self,
        faces: UInt8[np.ndarray, "n 96 96 3"],
        references: UInt8[np.ndarray, "n 96 96 3"],
        mels: Float32[np.ndarray, "n 80 16"],
    ) -> Float32[np.ndarray, "n 96 96 3"]:
        device = device_of(self.model)
        pictures = [torch.from_numpy(p).to(device).permute(0, 3, 1, 2).float() / 255 for p in (faces, references)]
        made = self.model(*pictures, torch.from_numpy(mels).to(device))
        return (made.permute(0, 2, 3, 1) * 255).cpu().numpy()


def reference_frames(frames: int, task: Task) -> Int64[np.ndarray, " n"]:
    """The reference frame of each frame of a clip: itself; in `reconstruct` the one half a clip away.

    Raises:
        ValueError: in `reconstruct`, the clip is too short to keep references away from their frames.
    """
    index = np.arange(frames)
    if task != "reconstruct":
        return index
    if frames // 2 <= KEEP_AWAY:
        raise ValueError(f"{frames} frames are too few to take references from {KEEP_AWAY} frames away")
    return (index + frames // 2) % frames


def paste_face(
    frame: UInt8[np.ndarray, "h w 3"], face: Float32[np.ndarray, "96 96 3"], alignment: Float64[np.ndarray, "2 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The frame with the painted face (RGB in [0, 255]) over the whole of its box. `alignment`: image to face crop."""
    height, width = frame.shape[:2]
    to_view = (np.vstack([FACE_VIEW.from_crop(), [0, 0, 1]]) @ np.vstack([alignment, [0, 0, 1]]))[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(face, to_view, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(np.ones(face.shape[:2], np.float32), to_view, (width, height), flags=flags)
    return paste_back(frame, made, mask, (0, 0, width, height))
