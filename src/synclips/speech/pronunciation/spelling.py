"""Words that are in no dictionary: a small transformer reads their letters.

Four outputs a letter, each a phoneme or nothing, repeats joined, as in connectionist temporal classification (Graves
et al., ICML 2006). Weights and architecture: package `hibari-tts` 0.2.1 (Apache-2.0), 650,000 numbers.
"""

from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from synclips.errors import BackendError

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "english_spelling.safetensors"
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Place 0 is none of them."""
SOUNDS: Final = " ()-1AIOTWYabdfhijklmnpstuvwyzæðŋɑɔəɛɜɡɪɹʀʃʊʌʒʤʧˈˌθᵊᵻ"
_SLOTS: Final = 4
_LONGEST: Final = 24
_HEADS: Final = 4
_WIDTH, _INNER, _LAYERS = 128, 384, 4


class SpellingNetwork(nn.Module):
    """Letters (at most 24) to the places of sounds in `SOUNDS`, counted from 1; 0 is no sound."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(_LONGEST, _WIDTH))
        self.embedding = nn.Embedding(len(LETTERS) + 1, _WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                _WIDTH, _HEADS, _INNER, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(_LAYERS)
        )
        self.norm = nn.LayerNorm(_WIDTH)
        self.head = nn.Linear(_WIDTH, _SLOTS * (len(SOUNDS) + 1))

    def forward(self, letters: Int64[Tensor, " n"]) -> Int64[Tensor, " m"]:
        x = (self.embedding(letters) + self.positions[: len(letters)])[None]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))[0].reshape(-1, len(SOUNDS) + 1).argmax(-1)


@lru_cache(maxsize=4096)
def read_letters(word: str) -> str:
    """The phonemes of an unknown word; empty where it has no letter.

    Raises:
        BackendError: the weights are missing or damaged.
    """
    places = [LETTERS.index(letter) + 1 for letter in word if letter in LETTERS][:_LONGEST]
    if not places:
        return ""
    with torch.inference_mode():
        sounds = _network()(torch.tensor(places)).tolist()
    return "".join(SOUNDS[place - 1] for place, _ in groupby(sounds) if place)


@lru_cache(maxsize=1)
def _network() -> SpellingNetwork:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = SpellingNetwork()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BackendError(f"{WEIGHTS} cannot be read ({error}); reinstall synclips") from error
    return network.eval().requires_grad_(False)
