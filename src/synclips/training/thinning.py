"""A thinner refiner that begins as nearly the same function as a trained one.

After He, Zhang and Sun ("Channel pruning for accelerating very deep neural networks", ICCV 2017): each layer keeps the
channels that what reads them depends on most, and each convolution is fitted again, by least squares, to what the
trained one computes of the same pictures, from what the layers before it are now. Layer follows layer, so that each one
makes up for the loss of those before it as far as it can. No gradient is needed; training goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from synclips.models.generator import Refiner

CHUNK = 8
"""Frames worked on at once."""
RIDGE = 1e-4
"""Added to the normal equations' diagonal, as a share of its mean."""
Kept = Int[Tensor, " k"]


@dataclass(frozen=True)
class Frames:
    """What a refiner sees of some frames: see `Refiner.forward`."""

    layers: Float[Tensor, "n l 3 h w"]
    masks: Float[Tensor, "n 2 h w"]
    sound: Float[Tensor, "n d"]


@torch.no_grad()
def thin(teacher: Refiner, student: Refiner, frames: Frames) -> None:
    """Set the weights of `student`, which has fewer channels or blocks than `teacher`, by some `frames`.

    Of the blocks the first ones are kept. Both are left in evaluation mode.
    """
    teacher.eval(), student.eval()
    kept = _choose(teacher, student, frames)
    x = F.pixel_unshuffle(torch.cat([frames.layers.flatten(1, 2), frames.masks * 2 - 1], dim=1), 2)
    seen = _Seen(teacher, frames)
    x0 = _fit(student.stem, x, seen["stem"][:, kept["stem"]])
    x1 = _fit(student.down1[0], x0, seen["down1.0"][:, kept["down1.0"]])
    x1 = _fit(student.down1[1], x1, seen["down1.1"][:, kept["down1.1"]])
    x2 = _fit(student.down2, x1, seen["down2"][:, kept["inner"]])
    for number, (block, full) in enumerate(zip(student.blocks, teacher.blocks, strict=False)):
        x2 = _fit_block(block, full, x2, frames.sound, seen, f"blocks.{number}", kept)
    y1 = _double(_fit(student.up1, x2, seen["up1"][:, kept["up1"]]))
    y1 = _fit(student.join1, torch.cat([y1, x1], dim=1), seen["join1"][:, kept["join1"]])
    y0 = _double(_fit(student.up2, y1, seen["up2"][:, kept["up2"]]))
    y0 = _fit(student.join2, torch.cat([y0, x0], dim=1), seen["join2"][:, kept["join2"]])
    weight, bias = _least_squares(student.out, y0, seen["out"])
    student.out.weight.copy_(weight)
    assert student.out.bias is not None
    student.out.bias.copy_(bias)


class _Seen:
    """What the trained refiner's layers compute of the frames, before any ReLU, by the layers' names; computed once."""

    def __init__(self, refiner: Refiner, frames: Frames) -> None:
        self._values: dict[str, list[Tensor]] = {}
        modules = dict(refiner.named_modules())
        wanted = {
            name: modules[name] if name == "out" else modules[f"{name}.{'norm' if second else 1}"]
            for name, second in _layers(refiner)
        }
        hooks = [module.register_forward_hook(self._keep(name)) for name, module in wanted.items()]
        for start in range(0, len(frames.layers), CHUNK):
            part = slice(start, start + CHUNK)
            refiner(frames.layers[part], frames.masks[part], frames.sound[part])
        for hook in hooks:
            hook.remove()
        self._joined: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Float[Tensor, "n c h w"]:
        if name not in self._joined:
            self._joined[name] = torch.cat(self._values.pop(name))
        return self._joined[name]

    def _keep(self, name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            del module, inputs
            self._values.setdefault(name, []).append(output.clone())

        return hook


def _layers(refiner: Refiner) -> list[tuple[str, bool]]:
    """The layers' names, and whether each is a block's second one, which has its normalisation beside it."""
    blocks = [(f"blocks.{n}{part}", not part) for n in range(len(refiner.blocks)) for part in (".first", "")]
    names = ["stem", "down1.0", "down1.1", "down2", "up1", "join1", "up2", "join2", "out"]
    return [*((name, False) for name in names), *blocks]


def _choose(teacher: Refiner, student: Refiner, frames: Frames) -> dict[str, Kept]:
    """Which of the trained refiner's channels each layer of the thinner one stands for; "inner": those that all blocks
    share.

    What a channel is worth: its mean square over the frames, times the sum of squares of the weights that read it.
    """
    inputs: dict[str, Tensor] = {}
    readers = ["down1.0", "down1.1", "down2", "up1", "join1", "up2", "join2", "out"]
    readers += [f"blocks.{n}.{part}" for n in range(len(teacher.blocks)) for part in ("first", "second")]
    modules = dict(teacher.named_modules())
    convolutions = {name: _convolution_of(modules[name]) for name in readers}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            del module
            power = given[0].square().mean(dim=(2, 3)).sum(dim=0)
            inputs[name] = inputs.get(name, torch.zeros_like(power)) + power

        return hook

    hooks = [module.register_forward_pre_hook(keep(name)) for name, module in convolutions.items()]
    for start in range(0, len(frames.layers), CHUNK):
        part = slice(start, start + CHUNK)
        teacher(frames.layers[part], frames.masks[part], frames.sound[part])
    for hook in hooks:
        hook.remove()
    worth = {name: inputs[name] * module.weight.square().sum(dim=(0, 2, 3)) for name, module in convolutions.items()}
    a, b = teacher.stem[0].out_channels, teacher.up1[0].out_channels
    inner = sum((worth[f"blocks.{n}.first"] for n in range(len(teacher.blocks))), worth["up1"])
    small_a, small_b, small_c = student.stem[0].out_channels, student.up1[0].out_channels, student.down2[0].out_channels
    of_block = {f"blocks.{n}.first": worth[f"blocks.{n}.second"] for n in range(len(student.blocks))}
    ranked = {
        "stem": (worth["down1.0"] + worth["join2"][a:], small_a),
        "down1.0": (worth["down1.1"], small_b),
        "down1.1": (worth["down2"] + worth["join1"][b:], small_b),
        "inner": (inner, small_c),
        "up1": (worth["join1"][:b], small_b),
        "join1": (worth["up2"], small_b),
        "up2": (worth["join2"][:a], small_a),
        "join2": (worth["out"], small_a),
        **{name: (value, small_c) for name, value in of_block.items()},
    }
    return {name: value.topk(count).indices.sort().values for name, (value, count) in ranked.items()}


def _fit_block(
    block: nn.Module, full: nn.Module, x: Tensor, sound: Tensor, seen: _Seen, name: str, kept: dict[str, Kept]
) -> Tensor:
    """A modulated block: what the sound does is taken over, the two convolutions are fitted. Returns its output."""
    inner = kept["inner"]
    film, taken = block.film, full.film  # type: ignore[union-attr]
    assert isinstance(film, nn.Linear)
    assert isinstance(taken, nn.Linear)
    rows = torch.cat([inner, inner + taken.out_features // 2])
    film.weight.copy_(taken.weight[rows])
    film.bias.copy_(taken.bias[rows])
    first = _fit(block.first, x, seen[f"{name}.first"][:, kept[f"{name}.first"]])
    second, norm = block.second, block.norm
    assert isinstance(second, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    _fit_convolution(second, norm, first, seen[name][:, inner])
    return torch.cat([block(x[i : i + CHUNK], sound[i : i + CHUNK]) for i in range(0, len(x), CHUNK)])


def _fit(module: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Fit a convolution with normalisation and ReLU to `target`, what is before the ReLU. Returns its output."""
    assert isinstance(module, nn.Sequential)
    convolution, norm = module[0], module[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    _fit_convolution(convolution, norm, x, target)
    return torch.cat([module(x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)])


def _fit_convolution(convolution: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor, target: Tensor) -> None:
    """The normalisation has the statistics of what the convolution computes, so that training finds it as it is."""
    weight, bias = _least_squares(convolution, x, target)
    convolution.weight.copy_(weight)
    made = torch.cat([convolution(x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)])
    mean, variance = made.mean(dim=(0, 2, 3)), made.var(dim=(0, 2, 3))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)


def _least_squares(convolution: nn.Conv2d, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias with which the convolution of `x` comes nearest to `target`."""
    size = x.shape[1] * 9 + 1
    square = torch.zeros(size, size, dtype=torch.float64, device=x.device)
    cross = torch.zeros(size, target.shape[1], dtype=torch.float64, device=x.device)
    for start in range(0, len(x), CHUNK):
        columns = F.unfold(x[start : start + CHUNK], 3, padding=1, stride=convolution.stride).transpose(1, 2)
        columns = F.pad(columns.flatten(0, 1), (0, 1), value=1.0)
        wanted = target[start : start + CHUNK].flatten(2).transpose(1, 2).flatten(0, 1)
        square += (columns.T @ columns).double()
        cross += (columns.T @ wanted).double()
    square += torch.eye(size, dtype=torch.float64, device=x.device) * RIDGE * square.diagonal().mean()
    solved = torch.linalg.solve(square, cross).T.float()
    return solved[:, :-1].reshape(convolution.weight.shape), solved[:, -1]


def _convolution_of(module: nn.Module) -> nn.Conv2d:
    found = module[0] if isinstance(module, nn.Sequential) else module
    assert isinstance(found, nn.Conv2d)
    return found


def _double(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
