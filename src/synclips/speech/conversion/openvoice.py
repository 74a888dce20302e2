"""OpenVoice V2's converter as a `VoiceConverter`: better than the built-in one, with 131 MB of weights to download.

The weights (MIT licence) are those published at https://huggingface.co/myshell-ai/OpenVoiceV2, checked by their sha256.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from synclips.errors import CheckpointError
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE

if TYPE_CHECKING:
    from torch import Tensor

    from synclips.speech.conversion.openvoice_network import OpenVoiceNetwork

REPOSITORY: Final = "myshell-ai/OpenVoiceV2"
FILE: Final = "converter/checkpoint.pth"
SHA256: Final = "9652c27e92b6b2a91632590ac9962ef7ae2b712e5c5b7f4c34ec55ee2b37ab9e"
RATE: Final = 22_050
_WINDOW, _HOP = 1024, 256
_TEMPERATURE: Final = 0.3
_SEED: Final = 0


@dataclass(frozen=True)
class OpenVoiceConverter:
    """Converts by tone colour; rhythm and pitch contour stay the speaker's. Use `load_openvoice`."""

    network: "OpenVoiceNetwork"
    name: str = "openvoice"

    def convert(self, speech: Waveform, reference: Waveform) -> Waveform:
        """`speech` in the voice of `reference`, 16 kHz, as long; the same for the same input."""
        import torch

        if len(speech.samples) == 0:
            return Waveform(speech.samples, SAMPLE_RATE)
        with torch.inference_mode():
            spectrum, wanted = _spectrum(speech), _spectrum(reference)
            generator = torch.Generator().manual_seed(_SEED)
            noise = torch.randn((1, self.network.size.latent, spectrum.shape[2]), generator=generator)
            colour, wanted_colour = self.network.tone_colour(spectrum), self.network.tone_colour(wanted)
            sound = self.network.convert(spectrum, colour, wanted_colour, _TEMPERATURE * noise)
        samples = np.nan_to_num(sound.numpy().reshape(-1)).astype(np.float32)
        count = round(len(speech.samples) * SAMPLE_RATE / speech.sample_rate)
        return Waveform(np.clip(samples, -1, 1), RATE).resampled(SAMPLE_RATE).padded(count)


@lru_cache(maxsize=1)
def load_openvoice(checkpoint: Path | None = None, sha256: str | None = SHA256) -> OpenVoiceConverter:
    """Load the converter from `checkpoint`, or from the hub's cache, downloading it there at first use.

    Args:
        sha256: what the file has to hash to; None for a checkpoint of your own.

    Raises:
        BackendError: no checkpoint on this disk, and it cannot be downloaded.
        CheckpointError: the file is damaged, or not the published one.
    """
    import torch

    from synclips.speech.conversion.hifigan import folded
    from synclips.speech.conversion.openvoice_network import OpenVoiceNetwork

    path = checkpoint or _download()
    if not path.is_file():
        raise CheckpointError(f"no such file: {path}; it is {FILE} of https://huggingface.co/{REPOSITORY}")
    if sha256 is not None and _hash(path) != sha256:
        raise CheckpointError(
            f"{path} is not OpenVoice V2's published converter (its sha256 differs); download it again"
        )
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)["model"]
        network = OpenVoiceNetwork()
        network.load_state_dict(folded({name: tensor.float() for name, tensor in weights.items()}), strict=True)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} is not a checkpoint of OpenVoice V2's converter: {first[:120]}") from error
    return OpenVoiceConverter(network.eval())


def _download() -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from synclips.speech.tts.hub import check_hub, hub_errors, is_cached

    if not is_cached(REPOSITORY, FILE):
        check_hub("OpenVoice's converter")
    disable_progress_bars()
    with hub_errors("OpenVoice's converter"):
        return Path(hf_hub_download(REPOSITORY, FILE))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _spectrum(waveform: Waveform) -> "Tensor":
    """Magnitudes (1, 513, steps) of Hann windows of 46 ms every 12 ms, as the network was trained on."""
    import torch

    samples = torch.from_numpy(waveform.resampled(RATE).samples)[None]
    if samples.shape[1] < _WINDOW:
        samples = torch.nn.functional.pad(samples, (0, _WINDOW - samples.shape[1]))
    side = (_WINDOW - _HOP) // 2
    padded = torch.nn.functional.pad(samples[:, None], (side, side), mode="reflect")[:, 0]
    window = torch.hann_window(_WINDOW)
    transform = torch.stft(padded, _WINDOW, _HOP, window=window, center=False, return_complex=True)
    return torch.sqrt(transform.real**2 + transform.imag**2 + 1e-6)
