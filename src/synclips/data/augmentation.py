"""Augmentation of training data in picture, sound and time. Every frame of a window is changed alike."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.config import AugmentConfig
from synclips.data.room import Room, draw_room
from synclips.features.alignment import View
from synclips.features.mfcc import N_FEATURES
from synclips.features.speech_features import sound_features
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLES_PER_FRAME


@dataclass(frozen=True)
class PictureChange:
    """One geometric and photometric change of a view; the neutral one is `PictureChange()`."""

    mirror: bool = False
    rotation: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bias: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0

    def matrix(self, view: View) -> Float64[np.ndarray, "2 3"]:
        """The affine map from crop pixels to the changed view's pixels."""
        base = np.vstack([view.from_crop(), [0, 0, 1]])
        centre = ((view.width - 1) / 2, (view.height - 1) / 2)
        change = np.vstack([cv2.getRotationMatrix2D(centre, self.rotation, self.zoom), [0, 0, 1]])
        change[:2, 2] += self.shift
        if self.mirror:
            change = np.array([[-1, 0, view.width - 1], [0, 1, 0], [0, 0, 1]]) @ change
        return (change @ base)[:2]

    def apply(self, crops: UInt8[np.ndarray, "n 144 144 3"], view: View) -> UInt8[np.ndarray, "n h w 3"]:
        """The changed view of each face crop."""
        out = view.show(crops, self.matrix(view))
        if self.blur > 0:
            out = np.stack([cv2.GaussianBlur(picture, (0, 0), self.blur) for picture in out])
        if self.gain == (1.0, 1.0, 1.0) and self.bias == 0 and self.noise == 0:
            return out
        lit = out * np.array(self.gain, np.float32) + np.float32(self.bias)
        if self.noise > 0:
            rng = np.random.default_rng(self.noise_seed)
            grain = rng.standard_normal(2 * out[0].size, np.float32) * np.float32(self.noise)
            for picture, start in zip(lit, rng.integers(0, out[0].size, len(lit)), strict=True):
                picture += grain[start : start + picture.size].reshape(picture.shape)
        return lit.clip(0, 255).astype(np.uint8)


def draw_picture_change(config: AugmentConfig, rng: np.random.Generator) -> PictureChange:
    """A random change within `config`'s limits."""
    light = rng.normal(0, config.light / 2)
    colour = 1 + light + rng.normal(0, config.light / 8, 3)
    return PictureChange(
        mirror=bool(rng.random() < config.flip),
        rotation=float(rng.uniform(-config.rotation, config.rotation)),
        shift=(float(rng.uniform(-config.shift, config.shift)), float(rng.uniform(-config.shift, config.shift))),
        zoom=float(1 + rng.uniform(-config.zoom, config.zoom)),
        gain=(float(colour[0]), float(colour[1]), float(colour[2])),
        bias=float(rng.normal(0, 40 * config.light)),
        blur=float(max(0.0, rng.uniform(-1.0, 0.8))) if config.picture_noise > 0 else 0.0,
        noise=float(rng.uniform(0, config.picture_noise)),
        noise_seed=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class SoundChange:
    """One change of an utterance's sound: room and microphone, noise, vocal tract, speed. The neutral one is
    `SoundChange()`.

    `speed` plays faster (above 1) or slower; frame i of the result then shows the moment i * speed of the original.
    """

    snr: float | None = None
    noise_colour: float = 0.0
    formant: float = 1.0
    speed: float = 1.0
    strength: float = 1.0
    seed: int = 0
    room: Room | None = None

    def features(self, waveform: Waveform, frames: int, speech_layers: int = 0) -> Float32[np.ndarray, "steps f"]:
        """Network features of the changed sound, for `frames` frames of the result (see `sound_features`)."""
        samples = waveform.samples
        if self.speed != 1.0:
            at = np.arange(round(frames * SAMPLES_PER_FRAME)) * self.speed
            samples = np.interp(at, np.arange(len(samples)), samples, right=0.0).astype(np.float32)
        if self.room is not None:
            samples = self.room.heard(samples)
        if self.snr is not None:
            rng = np.random.default_rng(self.seed)
            noise = _coloured_noise(len(samples), self.noise_colour, rng)
            level = float(np.sqrt(np.mean(samples**2)) + 1e-6) * 10 ** (-self.snr / 20)
            samples = samples + noise * np.float32(level)
        # the vocal tract that `speed` changed along is put back, unless asked for
        warp = round(self.formant * self.speed, 2)
        changed = Waveform(samples.astype(np.float32), waveform.sample_rate)
        features = sound_features(changed, frames, speech_layers, warp=warp)
        features[:, :N_FEATURES] *= np.float32(self.strength)
        return features


def draw_sound_change(config: AugmentConfig, rng: np.random.Generator) -> SoundChange:
    """A random change within `config`'s limits."""
    noisy = rng.random() < config.sound_noise
    change = SoundChange(
        snr=float(rng.uniform(config.quietest_snr, 40)) if noisy else None,
        noise_colour=float(rng.uniform(0, 1)),
        formant=float(np.exp(rng.uniform(-config.formant, config.formant))),
        speed=float(np.exp(rng.uniform(-config.speed, config.speed))),
        strength=float(1 + rng.uniform(-0.15, 0.15)),
        seed=int(rng.integers(2**31)),
    )
    if config.room and rng.random() < config.room:
        return replace(change, room=draw_room(rng))
    return change


def _coloured_noise(count: int, colour: float, rng: np.random.Generator) -> Float32[np.ndarray, " n"]:
    """Unit-power noise whose power falls as 1 / f^(2 colour): 0 white, 0.5 pink, 1 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.maximum(np.arange(len(spectrum)), 20.0 * count / 16000)
    noise = np.fft.irfft(spectrum * frequency**-colour, count)
    return (noise / (noise.std() + 1e-9)).astype(np.float32)
