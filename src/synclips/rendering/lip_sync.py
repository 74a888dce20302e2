"""The renderer of `base`: sound features and a tracked video in, lip-synced frames out, one at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from synclips.features.alignment import LOWER_VIEW, WARP_VIEW
from synclips.features.face_mesh import INNER_LIPS, RIGID, lower_opening, lower_points, person_rest
from synclips.features.mesh_raster import extend
from synclips.features.smoothing import settle
from synclips.media.picture import Box
from synclips.models.generator import Generator
from synclips.models.refiner_engine import Engine, refiner_engine
from synclips.rendering.compositor import (
    blend_layers,
    darken_inner_mouth,
    match_colour,
    match_grain,
    one_mouth,
    paste_back,
)
from synclips.rendering.frame_part import FramePart, Pixels
from synclips.rendering.inner_mouth import InnerMouthPainter, part
from synclips.rendering.mesh_warp import (
    Warp,
    into_view,
    keep_lips_apart,
    moving_share,
    painted_region,
    prepare_warp,
    reach_of_warp,
    wanted_mesh,
    warp_image,
    without_folds,
)
from synclips.rendering.mouth_bank import MouthBank, build_bank, choose_mouths, turns
from synclips.rendering.mouth_check import MouthCheck, check_mouths
from synclips.rendering.occlusion import Appearance, Occluders, find_occluders, learn_appearance
from synclips.rendering.person_motion import PersonMotion
from synclips.rendering.visibility import Kept, fade, kept_reasons, measure_visibility, uncovered
from synclips.runtime import Precision, autocast, choose_precision, device_of, frame_workers
from synclips.tracking.tracked_video import TrackedVideo

BORDER = 8
"""Pixels around the refiner's view in which mouths are warped too, since they are blurred before they are blended."""


@dataclass(frozen=True)
class Plan:
    """What each output frame needs.

    lower:   wanted lower face, canonical
    sound:   embedding
    mouths:  of the bank
    visibility:    how far the generated mouth replaces the original, in [0, 1] (see visibility.measure_visibility)
    occluders: what lies in front of the mouth in the video's frames
    painted: how far the inner mouth is painted, in [0, 1]
    """

    lower: Float32[np.ndarray, "n m 3"]
    sound: Float32[np.ndarray, "n d"]
    mouths: Int64[np.ndarray, "n k"]
    visibility: Float32[np.ndarray, " n"]
    occluders: Occluders
    painted: Float32[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.lower)


class LipSync:
    """One person in one video, prepared to be rendered with any sound.

    Args:
        model: the generator, in evaluation mode, on its device.
        video: tracked; long enough to cover every frame that `render` is given.
        bank: the person's mouths; if not given, built from the video, in which occluders are then looked for too.
        precision: of the refiner's arithmetic (see `runtime.choose_precision`).
        engine: what computes the refiner (see `models.refiner_engine`).

    `motion`: what makes lower faces of sound; it may be changed before anything is planned.
    """

    def __init__(
        self,
        model: Generator,
        video: TrackedVideo,
        bank: MouthBank | None = None,
        precision: Precision = "auto",
        engine: Engine = "auto",
    ) -> None:
        self.model, self.video = model.eval(), video
        self.device, self.precision = device_of(model), precision
        self.settings, self.speech_layers = model.recipe.render, model.recipe.model.audio.speech_layers
        self.bank = bank if bank is not None else build_bank(video, self.settings)
        meshes = video.canonical(self.bank.frames)
        self.rest = person_rest(meshes)[lower_points()]
        self.visibility = measure_visibility(video, video.cuts)
        self.kept = kept_reasons(video)
        self._turn = turns(video.pose.rotation)
        self._inner = np.searchsorted(lower_points(), INNER_LIPS)
        self._opening = [lower_opening(lower) for lower in self.bank.lower]
        network = model.inner_mouth
        self.painter = None if network is None else InnerMouthPainter(network.eval(), self.bank, self.rest)
        self.appearance: Appearance | None = None
        self.motion = PersonMotion(model.motion, self.bank, self.rest, self.settings)
        fp32_on_cpu = self.device.type == "cpu" and choose_precision(self.device, precision) == "fp32"
        with ThreadPoolExecutor(frame_workers(), "prepare") as pool:  # none of these needs another's result
            refiner = pool.submit(refiner_engine, model.refiner, engine, fp32_on_cpu=fp32_on_cpu)
            if bank is None:
                appearance = pool.submit(learn_appearance, video, self.bank)
                check = pool.submit(check_mouths, video, self.bank)
                listened = pool.submit(self.motion.listen, video, self.speech_layers)
                self.appearance = self._checked(appearance.result(), check.result())
                listened.result()
            self._refiner = refiner.result()

    @torch.no_grad()
    def plan(
        self,
        features: Float32[np.ndarray, "steps f"],
        times: Float64[np.ndarray, " n"],
        source: Int64[np.ndarray, " n"],
        on_frame: Callable[[], None] = lambda: None,
    ) -> Plan:
        """Motion and mouths for output frames at `times` (seconds), each made on the video's frame `source`.

        `on_frame` is called now and then, and may raise to end it.
        """
        lower, sound = self.motion.shapes_at(features, times, on_frame)
        return self.plan_shapes(lower, sound, source, on_frame)

    @torch.no_grad()
    def shapes(
        self, features: Float32[np.ndarray, "steps f"]
    ) -> tuple[Float32[np.ndarray, "n m 3"], Float32[np.ndarray, "n d"]]:
        """The lower face of every frame at 25 a second, canonical, and the embedding of its sound."""
        return self.motion.shapes(features)

    def look_for_occluders(
        self, frames: Int64[np.ndarray, " k"], on_frame: Callable[[], None] = lambda: None
    ) -> Occluders:
        """What stands before the mouth in some frames of the video (ascending)."""
        if self.appearance is None:
            return Occluders({}, np.zeros(len(self.video), np.float32))
        return find_occluders(self.video, self.appearance, self._turn, frames, on_frame)

    def plan_shapes(
        self,
        lower: Float32[np.ndarray, "n m 3"],
        sound: Float32[np.ndarray, "n d"],
        source: Int64[np.ndarray, " n"],
        on_frame: Callable[[], None] = lambda: None,
        *,
        occluders: Occluders | None = None,
        after: Int64[np.ndarray, " k"] | None = None,
    ) -> Plan:
        """Mouths for output frames whose lower faces are given: canonical, of this person, wherever they come from.

        `sound`: the motion model's embedding of each frame's sound; `occluders`: what has been found of them already;
        `after`: the mouths of the frame before the first one.
        """
        wanted = np.stack([keep_lips_apart(shape, self._inner) for shape in lower])
        if occluders is None:
            occluders = self.look_for_occluders(np.unique(source), on_frame)
        on_frame()
        free = uncovered(occluders.covered)
        self.kept[(free == 0) & (self.kept == Kept.NOT)] = Kept.COVERED
        visibility = fade(np.minimum(self.visibility, free), self.video.cuts)[source]
        # fading out, the lips first take the original's shape, and then its pixels
        for step in np.flatnonzero((visibility > 0) & (visibility < 1)):
            own = self._own(int(source[step]))[lower_points()]
            wanted[step] = own + max(0.0, 2 * visibility[step] - 1) * (wanted[step] - own)
        occluded = None if self.appearance is None else self.appearance.occluded
        count = self.model.refiner.layers - 1
        mouths = choose_mouths(self.bank, wanted, self._turn[source], count, self.settings, occluded, after)
        painted = np.zeros(len(wanted), np.float32)
        if self.painter is not None:
            painted = self.painter.share(wanted)
            wanted = np.stack([self.painter.close(w, share) for w, share in zip(wanted, painted.tolist(), strict=True)])
        return Plan(wanted.astype(np.float32), sound.astype(np.float32), mouths, visibility, occluders, painted)

    def render(
        self, frame: UInt8[np.ndarray, "h w 3"], source: int, plan: Plan, step: int, skin: int | None = None
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Output frame `step` of the plan, made on the video's frame number `source`: see `render_part`."""
        return self.render_part(FramePart.whole(frame), source, plan, step, skin)

    def reach(self, source: int) -> Box:
        """The box of the video's frame number `source` that `render_part` reads."""
        return reach_of_warp(self.video.alignment[source], self.video.info.width, self.video.info.height)

    @torch.no_grad()
    def render_part(self, frame: FramePart, source: int, plan: Plan, step: int, skin: int | None = None) -> Pixels:
        """Output frame `step` of the plan, made on the video's frame number `source`, as far as `frame` holds it.

        `frame`: the box of `reach`, or more. It changes nothing but the result, so threads may share a renderer.
        `skin`: a place of the bank whose picture is the base layer instead of the frame's own, for measurements in
        which the frame must not be rendered from itself. Pixels of a frame whose visibility is 0 are returned as
        they are.
        """
        weight = min(1.0, 2 * float(plan.visibility[step]))
        if weight == 0:
            return frame.pixels
        index = np.array([source])
        pose, alignment = self.video.pose[index], self.video.alignment[source]
        found, gain = self._own(source)[None], self.bank.gain
        share = moving_share(pose.rotation[0], self.settings)
        lower = keep_lips_apart(gain.lower(plan.lower[step]), self._inner)
        own = gain.mesh(found)
        wanted = wanted_mesh(own[0], lower, share)[None]
        here = pose.to_image(extend(own))[0, :, :2]
        there = without_folds(here, pose.to_image(extend(wanted))[0, :, :2])
        warp = prepare_warp(there, alignment, frame.width, frame.height, self.settings, share)
        if warp is None:
            return frame.pixels
        own_picture = frame.cut(warp.box)
        if skin is None:
            picture, points = own_picture, (here - warp.box[:2]).astype(np.float32)
            opening = lower_opening(own[0, lower_points()])
        else:
            picture, points, opening = (
                self.bank.mouths[skin].picture,
                self.bank.mouths[skin].points,
                self._opening[skin],
            )
        painted = float(plan.painted[step])
        whole = warp_image(warp, picture, part(picture, points, opening, painted))
        near = warp.around(LOWER_VIEW, BORDER)  # beyond it the base layer stands alone
        left, top, right, bottom = np.array(near.box) - [*warp.box[:2], *warp.box[:2]]
        lower_view = slice(top, bottom), slice(left, right)
        lips, inside = near.to_native(near.lips[0]), near.to_native(near.lips[1])
        base_layer = np.ascontiguousarray(whole[lower_view])
        layers, wanted_opening = [base_layer], lower_opening(plan.lower[step])
        for number in plan.mouths[step].tolist():
            mouth = self.bank.mouths[number]
            points = part(mouth.picture, mouth.points, self._opening[number], painted)
            layer = match_colour(warp_image(near, mouth.picture, points), base_layer, lips, self.settings)
            layers.append(darken_inner_mouth(layer, inside, self._opening[number], wanted_opening, self.settings))
        if self.painter is not None and painted > 0:
            seen = frame.pixels, (here - [frame.left, frame.top]).astype(np.float32)
            layers = self.painter.fill(layers, near, seen, (wanted[0], there), plan.lower[step], painted, self.settings)
        made = whole.astype(np.float32)
        made[lower_view] = self._refine(near, layers, lips, plan.sound[step])
        mask = warp.to_native(warp.face)
        still = mask > 0.9
        still[lower_view] &= lips < 0.1
        made = match_grain(made, own_picture, still, (source, step), self.settings)
        mask *= weight
        if source in plan.occluders.masks and skin is None:
            points = into_view(pose.to_image(extend(found))[0, :, :2], alignment)
            front = plan.occluders.in_front(source, points, WARP_VIEW.height, WARP_VIEW.width)
            mask *= 1 - warp.to_native(front)
        return paste_back(frame.pixels, made, mask, frame.within(warp.box))

    def _checked(self, appearance: Appearance, check: MouthCheck) -> Appearance:
        """Keep the original where a mask hides the mouth, or the mesh lies on a face upside down."""
        self.kept[check.covered & (self.kept == Kept.NOT)] = Kept.COVERED
        lost = np.isin(self.kept, [Kept.NOT, Kept.NO_FACE, Kept.UNRELIABLE])  # few such frames are taken for a face
        self.kept[check.upside_down & lost] = Kept.UPSIDE_DOWN
        spoiled = check.covered | check.upside_down
        self.visibility = fade(np.where(spoiled, np.float32(0), self.visibility), self.video.cuts)
        return replace(appearance, occluded=appearance.occluded | spoiled[self.bank.frames])

    def _own(self, source: int) -> Float32[np.ndarray, "468 3"]:
        """The frame's own canonical mesh, steadied over its neighbours; an outlier is replaced by their median."""
        reach = self.settings.steady_frames
        near = np.arange(max(0, source - reach), min(len(self.video), source + reach + 1))
        near = near[self.video.track.visible[near]]
        window, middle = self.video.canonical(near), int(np.flatnonzero(near == source)[0])
        usual = np.median(window[:, RIGID], axis=0)
        if float(np.linalg.norm((window[middle, RIGID] - usual)[:, :2].mean(axis=0))) > self.settings.outlier:
            window[middle] = np.median(window, axis=0)
        return settle(window, middle)

    def _refine(
        self, warp: Warp, layers: list[np.ndarray], lips: Float32[np.ndarray, "y x"], sound: np.ndarray
    ) -> Float32[np.ndarray, "y x 3"]:
        rows = slice(LOWER_VIEW.top - WARP_VIEW.top, LOWER_VIEW.bottom - WARP_VIEW.top)
        columns = slice(LOWER_VIEW.left - WARP_VIEW.left, LOWER_VIEW.right - WARP_VIEW.left)
        small = np.stack([warp.to_lower_view(layer) for layer in layers])
        pictures = torch.from_numpy(small).to(self.device).permute(0, 3, 1, 2)[None].float() / 127.5 - 1
        masks = [
            torch.from_numpy(mask[None].copy()).to(self.device)
            for mask in (
                warp.lips[:, rows, columns],
                warp.face[None, rows, columns],
                painted_region(warp.spoken[rows, columns])[None],
            )
        ]
        with autocast(self.device, self.precision):
            painted = self.model(pictures, *masks, torch.from_numpy(sound)[None].to(self.device), self._refiner)
        # at the view's border the base layer's weight is 1 and the residual 0
        shares, residual = (
            warp.to_native(np.ascontiguousarray(values[0].permute(1, 2, 0).cpu()), LOWER_VIEW, cv2.BORDER_REPLICATE)
            for values in (painted.weights, painted.residual * 127.5)
        )
        shares = one_mouth(shares, lips, self.settings.mouth_power)
        fine = self.settings.detail / (warp.scale * max(warp.scale, self.settings.detail_scale))
        return blend_layers(layers, shares, fine, self.settings) + residual
