"""A small network that says how another person would have spoken a frame: few-shot, any voice to any voice.

It sees the frames to convert and frames of the wanted voice, both with their own voice's average taken out. Attention
finds, for each frame, the reference's frames that sound alike to a learnt ear, and a stack of convolutions turns the
frame and what was found into the frame as the wanted voice has it. `synclips.speech.mapper_training` and then
`mapper_refining` trained it on eight GRID speakers (Cooke, Barker, Cunningham and Shao, JASA 120(5), 2006; CC BY 4.0)
and four of the engines' voices (`scripts/train_voice_mapper.py`).
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Bool, Float32
from torch import Tensor, nn
from torch.nn import functional

from synclips.errors import CheckpointError
from synclips.speech.conversion.world import ORDER

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "voice_mapper.safetensors"
WIDTH: Final = 80
HEADS: Final = 4


class _Block(nn.Module):
    """Normalised, gated, residual convolution over time."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, 2 * width, 5, padding=2 * dilation, dilation=dilation)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        inner, gate = self.convolution(self.norm(x).transpose(1, 2)).transpose(1, 2).chunk(2, -1)
        mixed: Tensor = x + self.mix(torch.tanh(inner) * torch.sigmoid(gate))
        return mixed


class VoiceMapper(nn.Module):
    """See the module. Frames come every 10 ms, as mel-cepstra in deviations of their voice from its mean."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.width = width
        self.frame = nn.Linear(ORDER + 1, width)
        self.listen = nn.Sequential(_Block(width), _Block(width, 2), _Block(width))
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value = nn.Linear(width + ORDER, width)
        self.sharpness = nn.Parameter(torch.tensor(2.3))
        self.gather = nn.Linear(2 * width + HEADS * ORDER + ORDER + 1 + ORDER, width)
        self.speak = nn.Sequential(_Block(width), _Block(width, 2), _Block(width))
        self.change = nn.Linear(width, ORDER)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(
        self,
        source: Float32[Tensor, "b t 40"],
        voiced: Float32[Tensor, "b t"],
        reference: Float32[Tensor, "b r 40"],
        reference_voiced: Float32[Tensor, "b r"],
        present: Bool[Tensor, "b r"],
        spread: Float32[Tensor, "b 40"],
    ) -> Float32[Tensor, "b t 40"]:
        """The source's frames in the reference's voice.

        Args:
            voiced, reference_voiced: 1 where a frame has a pitch, else 0.
            present: which reference frames are real and not padding.
            spread: logarithm of the reference voice's deviations over those of an average voice.
        """
        heard = self._heard(source, voiced)
        known = self._heard(reference, reference_voiced)
        query, key = (functional.normalize(self._heads(x), dim=-1) for x in (self.query(heard), self.key(known)))
        scores = (query @ key.transpose(-1, -2)) * torch.exp(self.sharpness)
        shares = scores.masked_fill(~present[:, None, None], -1e9).softmax(-1)
        values = self._heads(self.value(torch.cat([known, reference], -1)))
        found = (shares @ values).transpose(1, 2).flatten(2)
        copied = (shares @ reference[:, None]).transpose(1, 2).flatten(2)
        spread_everywhere = spread[:, None].expand(-1, source.shape[1], -1)
        gathered = torch.cat([heard, found, copied, source, voiced[..., None], spread_everywhere], -1)
        change: Tensor = self.change(self.speak(self.gather(gathered)))
        return source + change

    def _heard(self, frames: Tensor, voiced: Tensor) -> Tensor:
        heard: Tensor = self.listen(self.frame(torch.cat([frames, voiced[..., None]], -1)))
        return heard

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (HEADS, self.width // HEADS)).transpose(1, 2)


@lru_cache(maxsize=1)
def load_voice_mapper(path: Path = WEIGHTS) -> tuple[VoiceMapper, dict[str, Tensor]]:
    """The network, and the statistics stored beside its weights: `average.deviation` (40) of voices in general, and of
    each engine's voice `<engine>:<voice>` the mean and deviation (2, 40) and the median and spread of log F0 (2).

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); reinstall synclips") from error
    weights = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
    mapper = VoiceMapper(weights["change.weight"].shape[1])
    mapper.load_state_dict(weights)
    statistics = {name: tensor for name, tensor in tensors.items() if not name.startswith("network.")}
    return mapper.eval().requires_grad_(False), statistics
