"""The refiner's arithmetic by ncnn, which multiplies small convolutions on a CPU twice as fast as torch does.

ncnn computes 3 x 3 convolutions by Winograd's minimal filtering (Lavin and Gray, "Fast algorithms for convolutional
neural networks", CVPR 2016). Batch normalisation is folded into the convolutions. Results agree with torch's to about
1e-5 (EXPERIMENTS.md, 2026-11-28, "Speed").
"""

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from synclips.errors import BackendError
from synclips.models.generator import Refiner

Engine = Literal["auto", "ncnn", "torch"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)
"""auto: ncnn where it is installed and torch computes in fp32 on the CPU, otherwise torch."""
_INPUT, _SOUND, _OUTPUT = "pictures", "sound", "result"


class NcnnRefiner:
    """`Refiner.forward` in evaluation mode by ncnn, on one thread; safe to call from several threads at once.

    The weights are copied: train a refiner further, and make another one of these.
    """

    def __init__(self, refiner: Refiner) -> None:
        self._finish = refiner.finish
        ncnn = _library()
        graph = _Graph()
        graph.refiner(refiner)
        net = ncnn.Net()
        net.opt.num_threads = 1
        for reduced in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(net.opt, reduced, False)
        with tempfile.TemporaryDirectory(prefix="synclips-") as folder:  # ncnn's Python reads weights from files only
            path = Path(folder) / "refiner"
            text, weights = path.with_suffix(".param"), path.with_suffix(".bin")
            text.write_text(graph.text())
            weights.write_bytes(b"".join(graph.weights))
            if net.load_param(str(text)) or net.load_model(str(weights)):
                raise BackendError("ncnn cannot load the refiner; use --engine torch")
        self._net, self._matrix = net, ncnn.Mat

    def __call__(
        self, layers: Float[Tensor, "b l 3 h w"], masks: Float[Tensor, "b 2 h w"], sound: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b l h w"], Float[Tensor, "b 3 h w"]]:
        """As `Refiner.forward`; float32 tensors on the CPU."""
        inputs = torch.cat([layers.flatten(1, 2), masks * 2 - 1], dim=1).contiguous().numpy()
        made = [self._run(picture, heard) for picture, heard in zip(inputs, sound.contiguous().numpy(), strict=True)]
        return self._finish(torch.from_numpy(np.stack(made)), masks)

    def _run(self, picture: Float32[np.ndarray, "c h w"], sound: Float32[np.ndarray, " d"]) -> np.ndarray:
        extractor = self._net.create_extractor()
        extractor.input(_INPUT, self._matrix(picture))
        extractor.input(_SOUND, self._matrix(sound))
        failed, result = extractor.extract(_OUTPUT)
        if failed:
            raise BackendError("ncnn cannot compute the refiner; use --engine torch")
        return np.array(result)


def refiner_engine(refiner: Refiner, engine: Engine, *, fp32_on_cpu: bool) -> NcnnRefiner | None:
    """The engine that computes the refiner; None: torch. `fp32_on_cpu`: that is where and how torch would.

    Raises:
        BackendError: ncnn is asked for and not installed, or torch would not compute in fp32 on the CPU.
    """
    if engine == "torch" or (engine == "auto" and not (fp32_on_cpu and _installed())):
        return None
    if not fp32_on_cpu:
        raise BackendError("ncnn computes in fp32 on the CPU only; use --engine torch, or --device cpu")
    return NcnnRefiner(refiner)


def _installed() -> bool:
    return importlib.util.find_spec("ncnn") is not None


def _library() -> ModuleType:
    try:
        import ncnn
    except ImportError as error:
        raise BackendError("ncnn is not installed; pip install ncnn, or use --engine torch") from error
    module: ModuleType = ncnn
    return module


class _Graph:
    """Layers in ncnn's text format, and their weights in the order of the layers."""

    def __init__(self) -> None:
        self.weights: list[bytes] = []
        self._lines: list[str] = []
        self._outputs: list[str] = []

    def text(self) -> str:
        """The graph, each blob that several layers read handed out by a layer of its own, as ncnn wants it."""
        rows = [line.split() for line in self._lines]
        readers: dict[str, int] = {}
        for _, _, ins, _, *names in rows:
            for name in names[: int(ins)]:
                readers[name] = readers.get(name, 0) + 1
        made, taken, blobs = [], dict.fromkeys(readers, 0), 0
        for kind, layer, ins, outs, *rest in rows:
            sources, results, arguments = (
                rest[: int(ins)],
                rest[int(ins) : int(ins) + int(outs)],
                rest[int(ins) + int(outs) :],
            )
            for place, name in enumerate(sources):
                if readers[name] > 1:
                    sources[place], taken[name] = f"{name}_{taken[name]}", taken[name] + 1
            made.append(" ".join([kind, layer, ins, outs, *sources, *results, *arguments]))
            blobs += len(results)
            for name in results:
                if (count := readers.get(name, 0)) > 1:
                    copies = [f"{name}_{k}" for k in range(count)]
                    made.append(f"Split split_{name} 1 {count} {name} {' '.join(copies)}")
                    blobs += count
        return "\n".join(["7767517", f"{len(made)} {blobs}", *made]) + "\n"

    def refiner(self, r: Refiner) -> None:
        """`Refiner.forward` up to the last convolution."""
        self.add("Input", [], _INPUT)
        self.add("Input", [], _SOUND)
        x0 = self.block(self.add("Reorg", [_INPUT], "unshuffled", "0=2 1=0"), r.stem, "stem")
        x1 = self.block(self.block(x0, r.down1[0], "down1a"), r.down1[1], "down1b")
        x2 = self.block(x1, r.down2, "down2")
        for number, block in enumerate(r.blocks):
            x2 = self.modulated(x2, block, f"block{number}")
        y1 = self.block(self.join(self.block(x2, r.up1, "up1"), x1), r.join1, "join1")
        y0 = self.block(self.join(self.block(y1, r.up2, "up2"), x0), r.join2, "join2")
        self.add("PixelShuffle", [self.convolution(y0, r.out, None, "out", relu=False)], _OUTPUT, "0=2 1=0")

    def add(self, kind: str, sources: Sequence[str], result: str, arguments: str = "") -> str:
        """One layer with one result, which names it."""
        self._lines.append(f"{kind} {result} {len(sources)} 1 {' '.join([*sources, result])} {arguments}")
        return result

    def block(self, x: str, module: nn.Module, name: str) -> str:
        """Convolution, batch normalisation, ReLU."""
        assert isinstance(module, nn.Sequential)
        return self.convolution(x, module[0], module[1], name, relu=True)

    def convolution(self, x: str, conv: Any, norm: Any, name: str, *, relu: bool) -> str:
        """A 3 x 3 convolution with the normalisation after it."""
        weight = conv.weight.detach().double().cpu().numpy()
        bias = np.zeros(len(weight)) if conv.bias is None else conv.bias.detach().double().cpu().numpy()
        if norm is not None:
            mean, variance, gain, shift = (
                value.detach().double().cpu().numpy()
                for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
            )
            scale = gain / np.sqrt(variance + norm.eps)
            weight, bias = weight * scale[:, None, None, None], (bias - mean) * scale + shift
        self._store(weight, bias)
        stride = conv.stride[0]
        padding = " ".join(f"{place}=1" for place in (4, 14, 15, 16))
        size = f"0={len(weight)} 1=3 11=3 2=1 12=1 3={stride} 13={stride} {padding} 5=1 6={weight.size}"
        return self.add("Convolution", [x], name, f"{size} 9={int(relu)}")

    def modulated(self, x: str, block: Any, name: str) -> str:
        """Two convolutions, the second one's output scaled and shifted by the sound, and the block's input added."""
        channels = block.film.out_features // 2
        linear = block.film.weight.detach().cpu().numpy()
        bias = block.film.bias.detach().cpu().numpy().copy()
        bias[:channels] += 1
        films = []
        for part, place in (("gain", slice(0, channels)), ("shift", slice(channels, None))):
            self._store(linear[place], bias[place])
            made = self.add("InnerProduct", [_SOUND], f"{name}_{part}", f"0={channels} 1=1 2={linear[place].size}")
            films.append(self.add("Reshape", [made], f"{made}_planes", f"0=1 1=1 2={channels}"))
        y = self.block(x, block.first, f"{name}_first")
        y = self.convolution(y, block.second, block.norm, f"{name}_second", relu=False)
        y = self.add("BinaryOp", [y, films[0]], f"{name}_scaled", "0=2")
        y = self.add("BinaryOp", [x, y], f"{name}_sum", "0=0")
        return self.add("ReLU", [self.add("BinaryOp", [y, films[1]], f"{name}_moved", "0=0")], f"{name}_out")

    def join(self, x: str, other: str) -> str:
        """Twice as large, bilinear, and the other one's channels after its own."""
        larger = self.add("Interp", [x], f"{x}_double", "0=2 1=2.0 2=2.0 6=0")
        return self.add("Concat", [larger, other], f"{x}_joined", "0=0")

    def _store(self, weight: np.ndarray, bias: np.ndarray) -> None:
        flag = np.zeros(1, np.int32)  # not quantised
        self.weights += [flag.tobytes(), weight.astype("<f4").tobytes(), bias.astype("<f4").tobytes()]
