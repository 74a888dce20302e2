"""The nodes. Pictures are ComfyUI's IMAGE: float tensors (n, height, width, 3) in [0, 1]; sound its AUDIO."""

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

import synclips
from synclips.media.video import VideoWriter, read_frames


class SyncLipsDub:
    """Makes the person in `images` say `text`, or what is heard in `speech`, in the voice heard in `audio`."""

    CATEGORY = "audio/lip sync"
    FUNCTION = "dub"
    RETURN_TYPES = ("IMAGE", "AUDIO", "STRING")
    RETURN_NAMES = ("images", "audio", "notes")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """ComfyUI's description of what goes in."""
        modes = ["auto", "cut_off", "loop", "bounce", "silence", "remap"]
        return {
            "required": {
                "images": ("IMAGE",),
                "fps": ("FLOAT", {"default": 25.0, "min": 6.0, "max": 120.0, "step": 0.001}),
                "text": ("STRING", {"multiline": True, "default": ""}),
                "sync_mode": (modes,),
                "face": ("STRING", {"default": "speaker"}),
                "strength": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.05}),
            },
            "optional": {"audio": ("AUDIO",), "speech": ("AUDIO",)},
        }

    def dub(
        self,
        images: torch.Tensor,
        fps: float,
        text: str,
        sync_mode: str,
        face: str,
        strength: float,
        audio: dict[str, Any] | None = None,
        speech: dict[str, Any] | None = None,
    ) -> tuple[torch.Tensor, dict[str, Any], str]:
        """ComfyUI calls this. Errors are `synclips.SyncLipsError`, whose message says what to do."""
        mode: Any = None if sync_mode == "auto" else sync_mode
        options = synclips.DubOptions(sync_mode=mode, face=face, strength=strength, cache=False)
        with tempfile.TemporaryDirectory(prefix="synclips-") as name:
            folder = Path(name)
            source, result = folder / "source.mp4", folder / "result.mp4"
            write_video(source, images, fps, audio)
            said: dict[str, Any] = {"text": text}
            if speech is not None:
                synclips.write_wav(folder / "speech.wav", waveform_of(speech))
                said = {"audio": folder / "speech.wav"}
            report = synclips.dub(source, result, options=options, on_progress=_shown, **said).report
            frames = np.stack([frame.image for frame in read_frames(result)])
            heard = synclips.read_audio(result)
        sound = {"waveform": torch.from_numpy(heard.samples.copy())[None, None], "sample_rate": heard.sample_rate}
        return torch.from_numpy(frames).float() / 255, sound, "\n".join(report.all_notes)


def write_video(path: Path, images: torch.Tensor, fps: float, audio: dict[str, Any] | None) -> None:
    """The pictures, less a row or column where a side is odd, as a video of hardly any loss."""
    frames = (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    height, width = (side - side % 2 for side in frames.shape[1:3])
    rate = Fraction(fps).limit_denominator(1001)
    sound = None if audio is None else waveform_of(audio)
    with VideoWriter(path, width, height, rate, audio=sound, quality=8) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[:height, :width, :3]))


def waveform_of(audio: dict[str, Any]) -> synclips.Waveform:
    """ComfyUI's AUDIO, its waveform (1, channels, samples), as mono."""
    samples = audio["waveform"][0].mean(dim=0).float().cpu().numpy()
    return synclips.Waveform(np.ascontiguousarray(samples), int(audio["sample_rate"]))


def _shown(_stage: str, done: int, total: int) -> None:
    """Pass the progress on to ComfyUI's bar, and stop where its user has pressed stop."""
    try:
        from comfy.model_management import throw_exception_if_processing_interrupted
        from comfy.utils import ProgressBar
    except ImportError:
        return
    throw_exception_if_processing_interrupted()
    ProgressBar(max(total, 1)).update_absolute(done, max(total, 1))


NODE_CLASS_MAPPINGS = {"SyncLipsDub": SyncLipsDub}
NODE_DISPLAY_NAME_MAPPINGS = {"SyncLipsDub": "SyncLips: dub"}
