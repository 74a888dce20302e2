"""Rewrites TinyTTS's published checkpoint as the weights that `synclips.speech.tiny_tts` loads.

    pip download --no-deps --no-binary :all: tiny-tts==0.2.0 && tar xf tiny_tts-0.2.0.tar.gz
    python scripts/import_tiny_tts.py tiny_tts-0.2.0/checkpoints/G.pth

Weight normalisation, the one speaker's embedding and the language's are folded into the weights, what only training
needs is left out, and the rest is kept as float16.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from synclips.files import atomic_path
from synclips.speech.tts.hifigan import folded
from synclips.speech.tts.tiny_tts import SYMBOLS, WEIGHTS
from synclips.speech.tts.tiny_tts_network import TinyNetwork

SHA256 = "7d4c3536a22118259916bb6c4f59a23da9cd578e0539c6df78dcd3b313a9b9fb"
ENGLISH, ENGLISH_TONES = 2, 7
"""Places of the language and of its first tone in the published tables."""
BLANK = 0
KEPT = ("encoder.", "statistics.", "flow.", "durations.", "decoder.")
PUBLISHED = {
    "_": 0, "aa": 21, "ae": 22, "ah": 23, "ao": 27, "aw": 28, "ay": 29, "b": 30, "ch": 33, "d": 34, "dh": 35,
    "eh": 39, "er": 43, "ey": 44, "f": 45, "g": 46, "hh": 49, "ih": 59, "iy": 65, "jh": 67, "k": 68, "l": 70,
    "m": 71, "n": 73, "ng": 74, "ow": 80, "oy": 81, "p": 82, "r": 85, "s": 87, "sh": 88, "t": 89, "th": 90,
    "uh": 99, "uw": 103, "v": 14, "w": 108, "y": 110, "z": 111, "zh": 112, "!": 208, "?": 209, "…": 210, ",":
    211, ".": 212, "'": 213, "-": 214,
}  # fmt: skip
"""Places of our symbols in the published table."""
NAMES = (
    (r"^enc_p\.encoder\.", "encoder."),
    (r"^enc_p\.proj\.", "statistics."),
    (r"^flow\.flows\.(\d+)\.enc\.", lambda m: f"flow.{_place(m[1])}.transformer."),
    (r"^flow\.flows\.(\d+)\.(pre|post)\.", lambda m: f"flow.{_place(m[1])}.{m[2]}."),
    (r"\.attn_layers\.", ".attention."),
    (r"\.conv_q\.", ".query."),
    (r"\.conv_k\.", ".key."),
    (r"\.conv_v\.", ".value."),
    (r"\.conv_o\.", ".output."),
    (r"\.emb_rel_k$", ".near_keys"),
    (r"\.emb_rel_v$", ".near_values"),
    (r"\.norm_layers_1\.", ".first_norm."),
    (r"\.norm_layers_2\.", ".second_norm."),
    (r"\.ffn_layers\.(\d)\.conv_1\.", r".convolve.\1.0."),
    (r"\.ffn_layers\.(\d)\.conv_2\.", r".convolve.\1.2."),
    (r"^dp\.conv_1\.", "durations.layers.0."),
    (r"^dp\.norm_1\.", "durations.layers.2."),
    (r"^dp\.conv_2\.", "durations.layers.3."),
    (r"^dp\.norm_2\.", "durations.layers.5."),
    (r"^dp\.proj\.", "durations.layers.6."),
    (r"^dec\.", "decoder."),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
)
"""From the published names to ours, one after another."""


def _place(number: str) -> int:
    """The published flow counts the reversals between its couplings; and it is only ever run backwards."""
    return 3 - int(number) // 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("output", type=Path, nargs="?", default=WEIGHTS)
    options = parser.parse_args()
    content = options.checkpoint.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit(
            f"{options.checkpoint} is not the checkpoint of tiny-tts 0.2.0 ({hashlib.sha256(content).hexdigest()})"
        )
    published = torch.load(options.checkpoint, map_location="cpu", weights_only=True)["model"]
    tensors = rewritten({name: tensor.float() for name, tensor in published.items()})
    TinyNetwork().load_state_dict(tensors)
    with atomic_path(options.output) as temporary:
        save_file(
            {name: tensor.half().contiguous() for name, tensor in tensors.items()},
            temporary,
            metadata={"from": "tiny-tts 0.2.0, checkpoints/G.pth", "licence": "Apache-2.0"},
        )


def rewritten(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a TinyNetwork."""
    old = folded(published)
    speaker = old["emb_g.weight"][0]
    tensors = {}
    for name, tensor in old.items():
        new = name
        for pattern, replacement in NAMES:
            new = re.sub(pattern, replacement, new)
        if new.endswith(".spk_emb_linear.weight"):
            tensors[new.replace("spk_emb_linear.weight", "speaker")] = tensor @ speaker + old[name[:-6] + "bias"]
        elif new.startswith(KEPT) and not new.startswith("decoder.cond.") and not new.endswith(".spk_emb_linear.bias"):
            tensors[new] = tensor.squeeze(0) if new.endswith(("near_keys", "near_values")) else tensor
    tensors["durations.speaker"] = old["dp.cond.weight"][..., 0] @ speaker + old["dp.cond.bias"]
    tensors["decoder.conv_pre.bias"] = (
        old["dec.conv_pre.bias"] + old["dec.cond.weight"][..., 0] @ speaker + old["dec.cond.bias"]
    )
    return tensors | embeddings(old)


def embeddings(old: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tables of symbols and tones: the language and the absent BERT's biases go into the symbols."""
    from_bert = old["enc_p.bert_proj.bias"] + old["enc_p.ja_bert_proj.bias"]
    symbols, tones, languages = (old[f"enc_p.{name}.weight"] for name in ("emb", "tone_emb", "language_emb"))
    scale = symbols.shape[1] ** 0.5
    rows = [symbols[PUBLISHED[symbol]] + languages[ENGLISH] + from_bert for symbol in SYMBOLS[1:]]
    blank = symbols[BLANK] + languages[BLANK] + tones[BLANK] - tones[ENGLISH_TONES] + from_bert
    return {
        "symbols.weight": torch.stack([blank, *rows]) * scale,
        "tones.weight": tones[ENGLISH_TONES : ENGLISH_TONES + 4] * scale,
    }


if __name__ == "__main__":
    main()
