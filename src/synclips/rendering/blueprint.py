"""The renderer of `blueprint`: the author's generator makes a 32 x 32 mouth, which is enlarged and pasted back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from synclips.config import RenderConfig
from synclips.data.grid import CLIP_FRAMES
from synclips.features.alignment import BLUEPRINT_VIEW, crop_face
from synclips.features.mesh_raster import extend
from synclips.media.picture import Box
from synclips.media.timebase import FPS, STEPS_PER_FRAME
from synclips.media.video import frames_in_order
from synclips.models.blueprint import WINDOW, BlueprintModel
from synclips.rendering.compositor import paste_back
from synclips.rendering.frame_part import FramePart, Pixels
from synclips.rendering.mesh_warp import prepare_warp
from synclips.rendering.visibility import Kept
from synclips.runtime import device_of
from synclips.tracking.tracked_video import TrackedVideo


@dataclass(frozen=True)
class BlueprintPlan:
    """The generated mouth of each output frame, RGB in [0, 255], and how far it replaces the original, in [0, 1]."""

    pictures: Float32[np.ndarray, "n 32 32 3"]
    visibility: Float32[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.pictures)


class BlueprintLipSync:
    """One person in one video; `model` in evaluation mode, on its device."""

    speech_layers = 0

    def __init__(self, model: BlueprintModel, video: TrackedVideo) -> None:
        self.model, self.video = model.eval(), video
        self.device = device_of(model)
        usable = np.flatnonzero(video.track.visible)[:WINDOW]
        usable = np.resize(usable, WINDOW)
        images = frames_in_order(video.path, usable.tolist())
        crops = [crop_face(image, video.alignment[i]) for i, image in zip(usable, images, strict=True)]
        self.visibility = video.track.visible.astype(np.float32)
        self.kept = np.where(video.track.visible, Kept.NOT, Kept.NO_FACE).astype(np.int8)
        self.reference = torch.from_numpy(BLUEPRINT_VIEW.show(np.stack(crops))).float() / 127.5 - 1

    @torch.no_grad()
    def plan(
        self,
        features: Float32[np.ndarray, "steps f"],
        times: Float64[np.ndarray, " n"],
        source: Int64[np.ndarray, " n"],
        on_frame: Callable[[], None] = lambda: None,
    ) -> BlueprintPlan:
        """A mouth for each output time (seconds), to be pasted onto frame `source`; it does not depend on head pose."""
        frames = len(features) // STEPS_PER_FRAME
        made = []
        for start in range(0, frames, CLIP_FRAMES):
            part = torch.from_numpy(
                features[start * STEPS_PER_FRAME : min(start + CLIP_FRAMES, frames) * STEPS_PER_FRAME]
            )
            on_frame()
            made.append(self.model(part[None].to(self.device), self.reference[None].to(self.device))[0].float().cpu())
        pictures = ((torch.cat(made).permute(0, 2, 3, 1) + 1) * 127.5).numpy()
        shown = np.clip(np.round(times * FPS).astype(int), 0, len(pictures) - 1)
        return BlueprintPlan(pictures[shown].astype(np.float32), self.visibility[source])

    def reach(self, source: int) -> Box:
        """All of the frame."""
        del source
        return 0, 0, self.video.info.width, self.video.info.height

    def render_part(
        self, frame: FramePart, source: int, plan: BlueprintPlan, step: int, skin: int | None = None
    ) -> Pixels:
        """As `render`, of all of the frame."""
        return self.render(frame.pixels, source, plan, step, skin)

    def render(
        self, frame: UInt8[np.ndarray, "h w 3"], source: int, plan: BlueprintPlan, step: int, skin: int | None = None
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Output frame `step` of the plan, made on the video's frame number `source`."""
        del skin
        if plan.visibility[step] == 0:
            return frame
        index = np.array([source])
        points = self.video.pose[index].to_image(extend(self.video.canonical(index)))[0, :, :2]
        height, width = frame.shape[:2]
        warp = prepare_warp(points, self.video.alignment[source], width, height, RenderConfig())
        if warp is None:
            return frame
        made = warp.to_native(plan.pictures[step], BLUEPRINT_VIEW)
        inside = np.zeros((BLUEPRINT_VIEW.height, BLUEPRINT_VIEW.width), np.float32)
        inside[2:-2, 2:-2] = 1
        mask = warp.to_native(inside, BLUEPRINT_VIEW) * warp.to_native(warp.face) * plan.visibility[step]
        return paste_back(frame, made, mask, warp.box)
