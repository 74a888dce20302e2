"""Rewrites what `hibari-tts` publishes as the files that `synclips.speech` loads.

In an environment of its own, since `onnx` wants another protobuf than mediapipe does:

    pip download --no-deps hibari-tts==0.2.1 && pip install onnx numpy safetensors
    python scripts/import_hibari.py hibari_tts-0.2.1-py3-none-any.whl src/synclips/speech/weights

Writes `hibari.safetensors` (matrices as published: whole numbers of 8 bits and a scale; the rest as float16),
`english_spelling.safetensors` (float16) and `english_words.json.gz`. Rows of symbols and letters that are never used
are left out.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

SHA256 = "49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3"
SYMBOLS = " ,;:.!?AIOTWYbdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧˈˌθᵊᵻ"
"""As in `synclips.speech.tts.hibari`, which a test compares; before them stands the mark of a line's ends, 0."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NAMES = (
    (r"^m\.text\.", "text."),
    (r"^pn\.text\.", "prosody_text."),
    (r"^m\.(dec_in|dec_norm|head)", lambda m: m[1].replace("dec_", "decoder_")),
    (r"^m\.dec\.", "decoder."),
    (r"^pn\.dur\.", "duration."),
    (r"^pn\.pro_(in|out)", r"prosody_\1"),
    (r"^pn\.pro\.", "prosody."),
    (r"^m\.layers\.", "layers."),
    (r"^m\.(norm|head)\.", r"\1."),
    (r"^m\.emb\.", "embedding."),
    (r"^m\.pos$", "positions"),
    (r"\.emb\.", ".embedding."),
    (r"\.convs\.", ".blocks."),
    (r"\.attn\.", ".attention."),
    (r"\.dw\.", ".depthwise."),
    (r"\.pw1\.", ".expand."),
    (r"\.pw2\.", ".contract."),
    (r"\.gamma$", ".scale"),
)
"""From the published names to ours, one after another."""
SHARED_LAYER = {
    "/Transpose_2": "text.attention.self_attn.in_proj_weight",
    "/out_proj": "text.attention.self_attn.out_proj.weight",
    "/linear1": "text.attention.linear1.weight",
    "/linear2": "text.attention.linear2.weight",
    "/Transpose_25": "prosody_text.attention.self_attn.in_proj_weight",
    "/out_proj_4": "prosody_text.attention.self_attn.out_proj.weight",
    "/linear1_4": "prosody_text.attention.linear1.weight",
    "/linear2_4": "prosody_text.attention.linear2.weight",
    "/head": "head.weight",
}
"""Names that the export gave to the matrices of the transformer layers, which are applied several times."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    found = hashlib.sha256(options.wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{options.wheel} is not the wheel of hibari-tts 0.2.1 ({found})")
    with zipfile.ZipFile(options.wheel) as archive:
        read = lambda name: archive.read(f"hibari/assets/{name}")  # noqa: E731
        voice = voice_weights(onnx.load_from_string(read("hibari.onnx")), json.loads(read("vocab.json")))
        spelling = spelling_weights(onnx.load_from_string(read("oov.onnx")), json.loads(read("oov.json")))
        words = english_words(*(json.loads(gzip.decompress(read(f"{name}.json.gz"))) for name in
                                ("lexicon_us_gold", "lexicon_us_silver", "tagger")))  # fmt: skip
    metadata = {"from": "hibari-tts 0.2.1", "licence": "Apache-2.0"}
    write(options.folder / "hibari.safetensors", lambda path: save_file(voice, path, metadata))
    write(options.folder / "english_spelling.safetensors", lambda path: save_file(spelling, path, metadata))
    write(options.folder / "english_words.json.gz", lambda path: path.write_bytes(words))


def write(path: Path, how) -> None:
    temporary = path.with_name(path.name + ".tmp")
    how(temporary)
    temporary.replace(path)


def renamed(name: str) -> str:
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def voice_weights(graph: onnx.ModelProto, places: dict[str, int]) -> dict[str, np.ndarray]:
    """The weights of a HibariNetwork."""
    published = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    rows = [0, *(places[symbol] for symbol in SYMBOLS)]
    weights = {}
    for name, tensor in published.items():
        if name.startswith(("m.", "pn.")):
            tensor = tensor[rows] if name.endswith("emb.weight") else tensor
            weights[renamed(name)] = tensor.astype(np.float16)
    for node in graph.graph.node:
        if node.op_type != "MatMulInteger":
            continue
        place = node.input[1].removesuffix("_quantized")
        if published[place + "_zero_point"].any():
            sys.exit(f"{place} has a zero point that is not zero")
        whole = _matrix(place.removesuffix("_output_0"))
        weights[f"{whole}.integers"] = np.ascontiguousarray(published[node.input[1]].T)
        weights[f"{whole}.unit"] = published[place + "_scale"].astype(np.float32)
    return weights


def _matrix(place: str) -> str:
    """Our name of a matrix from where the export multiplied by it."""
    block = re.fullmatch(r"/(convs|pro|dec)\.(\d)/(pw1|pw2)(_1)?/Transpose(?:_\d+)?", place)
    if block:
        kind, number, layer, second = block.groups()
        stem = {"convs": "pn.text.convs" if second else "m.text.convs", "pro": "pn.pro", "dec": "m.dec"}[kind]
        return renamed(f"{stem}.{number}.{layer}.weight")
    return SHARED_LAYER[place if place in SHARED_LAYER else place.removesuffix("/Transpose")]


def spelling_weights(graph: onnx.ModelProto, alphabet: dict) -> dict[str, np.ndarray]:
    """The weights of a SpellingNetwork."""
    published = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    rows = [0, *(alphabet["in"].index(letter) + 1 for letter in LETTERS)]
    weights, matrices = {}, []
    for name, tensor in published.items():
        if name.startswith("m."):
            weights[renamed(name)] = (tensor[rows] if name == "m.emb.weight" else tensor).astype(np.float16)
        elif name.startswith("onnx::MatMul"):
            matrices.append(np.ascontiguousarray(tensor.T).astype(np.float16))
    layers = (len(matrices) - 1) // 4
    names = [
        f"layers.{layer}.{part}"
        for layer in range(layers)
        for part in ("self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight")
    ]
    return weights | dict(zip([*names, "head.weight"], matrices, strict=True))


def english_words(gold: dict, silver: dict, tagger: dict) -> bytes:
    """Dictionaries of words in ASCII letters and apostrophes, and the tagger, as compressed JSON."""
    plain = lambda words: {word: words[word] for word in sorted(words) if re.fullmatch(r"[A-Za-z']+", word)}  # noqa: E731
    stored = {"checked": plain(gold), "unchecked": plain(silver), "tagger": tagger}
    text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return gzip.compress(text.encode(), 9, mtime=0)


if __name__ == "__main__":
    main()
