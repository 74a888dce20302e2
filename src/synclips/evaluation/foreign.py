"""Other people's models as methods: a Python file that makes one.

The file has a function

    def method(device: torch.device) -> Method:
        net = load_my_net("weights.pt").to(device)

        def make(footage: Footage, waveform: Waveform, task: Task) -> Iterator[np.ndarray]:
            ...  # yield uint8 RGB frames of `footage`, as large as they came, saying the 16 kHz `waveform`

        return Method("mine", make, identity=sha256_of(Path("weights.pt"))[:16])

and stands in the table by `synclips evaluate --method NAME=FILE.py`. What lies beside the file can be imported, as when
Python runs it. In `reconstruct`, the frame being made and `protocol.KEEP_AWAY` frames on either side may lend nothing
below the nose; nothing checks this of foreign code, so say how yours keeps to it. `footage` carries the tracked face
(`footage.look.points`, the 468 points of MediaPipe's mesh) and the clip's own sound, which is not to be used.
"""

import importlib.util
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch

from synclips.errors import ConfigError
from synclips.evaluation.protocol import Method


def foreign_method(name: str, path: Path, device: torch.device) -> Method:
    """The method that a Python file makes, under `name`; its identity covers the file as well as what it says itself.

    Raises:
        ConfigError: no such file, or its `method` is missing or makes no Method.
    """
    if not path.is_file():
        raise ConfigError(f"no such file: {path}; name a Python file with a function `method(device)`")
    spec = importlib.util.spec_from_file_location(f"synclips_method_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
        found = module.method(device) if hasattr(module, "method") else None
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"{path} cannot be loaded: {error}; run it with Python to see why") from error
    finally:
        sys.path.remove(beside)
    if not isinstance(found, Method) or found.make is None:
        raise ConfigError(f"{path} makes no method; it needs a function `method(device)` that returns a Method")
    return replace(found, name=name, identity=f"{found.identity} {sha256(path.read_bytes()).hexdigest()[:16]}".strip())
