"""A thinner refiner that begins as nearly the same function as a trained one.

After He, Zhang and Sun ("Channel pruning for accelerating very deep neural networks", ICCV 2017): each layer keeps the
channels that what reads them depends on most, and each convolution is fitted again, by least squares, to what the
trained one computes of the same pictures, from what the layers before it are now. Layer follows layer, so that each one
makes up for the loss of those before it as far as it can. No gradient is needed; training goes on from there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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
    seen = _Seen(teacher, frames)
    kept = _choose(seen, teacher, student)

    def target(name: str, channels: str = "") -> Tensor:
        return seen.before[f"{name}.0"][:, kept[channels or name]]

    x = F.pixel_unshuffle(torch.cat([frames.layers.flatten(1, 2), frames.masks * 2 - 1], dim=1), 2)
    x0 = _fit(student.stem, x, target("stem"))
    x1 = _fit(student.down1[0], x0, target("down1.0"))
    x1 = _fit(student.down1[1], x1, target("down1.1"))
    x2 = _fit(student.down2, x1, target("down2", "inner"))
    pairs: Iterable[tuple[Any, Any]] = zip(student.blocks, teacher.blocks, strict=False)
    for number, (block, full) in enumerate(pairs):
        name = f"blocks.{number}"
        _take_over(block.film, full.film, kept["inner"])
        first = _fit(block.first, x2, target(f"{name}.first"))
        _fit_convolution(block.second, block.norm, first, seen.before[f"{name}.second"][:, kept["inner"]])
        x2 = torch.cat([block(*part) for part in zip(x2.split(CHUNK), frames.sound.split(CHUNK), strict=True)])
    y1 = _double(_fit(student.up1, x2, target("up1")))
    y1 = _fit(student.join1, torch.cat([y1, x1], dim=1), target("join1"))
    y0 = _double(_fit(student.up2, y1, target("up2")))
    y0 = _fit(student.join2, torch.cat([y0, x0], dim=1), target("join2"))
    weight, bias = _least_squares(student.out, y0, seen.before["out"])
    student.out.weight.copy_(weight)
    assert student.out.bias is not None
    student.out.bias.copy_(bias)


class _Seen:
    """What the trained refiner computes of the frames, by its convolutions' names in `named_modules`.

    before:  what each computes, with normalisation and before any ReLU
    worth:   of each channel that it reads: the channel's mean square, times the sum of squares of the weights that
             read it
    """

    def __init__(self, refiner: Refiner, frames: Frames) -> None:
        modules = dict(refiner.named_modules())
        found: dict[str, list[Tensor]] = {}
        power: dict[str, list[Tensor]] = {}
        hooks, names = [], _names(refiner)
        for name, normalised in names.items():
            hooks.append(modules[normalised].register_forward_hook(_keep(found.setdefault(name, []))))
            hooks.append(modules[name].register_forward_pre_hook(_keep_power(power.setdefault(name, []))))
        for start in range(0, len(frames.layers), CHUNK):
            part = slice(start, start + CHUNK)
            refiner(frames.layers[part], frames.masks[part], frames.sound[part])
        for hook in hooks:
            hook.remove()
        self.before = {name: torch.cat(values) for name, values in found.items()}
        self.worth = {
            name: torch.cat(values).mean(dim=0) * _convolution(modules[name]).weight.square().sum(dim=(0, 2, 3))
            for name, values in power.items()
        }


def _names(refiner: Refiner) -> dict[str, str]:
    """The convolutions' names, and those of the modules after which their results are normalised."""
    plain = ["stem", "down1.0", "down1.1", "down2", "up1", "join1", "up2", "join2"]
    plain += [f"blocks.{n}.first" for n in range(len(refiner.blocks))]
    second = {f"blocks.{n}.second": f"blocks.{n}.norm" for n in range(len(refiner.blocks))}
    return {f"{name}.0": f"{name}.1" for name in plain} | second | {"out": "out"}


def _keep(values: list[Tensor]) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(module: nn.Module, given: object, result: Tensor) -> None:
        del module, given
        values.append(result.clone())

    return hook


def _keep_power(values: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        del module
        values.append(given[0].square().mean(dim=(2, 3)))

    return hook


def _choose(seen: _Seen, teacher: Refiner, student: Refiner) -> dict[str, Kept]:
    """Which of the trained refiner's channels those of the thinner one stand for, by the layers' names; "inner": those
    that all blocks share. The channels worth most to all that read them are kept."""
    a, b, _ = _widths(teacher)
    few_a, few_b, few_c = _widths(student)
    worth = {name.removesuffix(".0"): value for name, value in seen.worth.items()}
    inner = torch.stack([worth["up1"], *(worth[f"blocks.{n}.first"] for n in range(len(teacher.blocks)))]).sum(dim=0)
    ranked: dict[str, tuple[Tensor, int]] = {
        "stem": (worth["down1.0"] + worth["join2"][a:], few_a),
        "down1.0": (worth["down1.1"], few_b),
        "down1.1": (worth["down2"] + worth["join1"][b:], few_b),
        "inner": (inner, few_c),
        "up1": (worth["join1"][:b], few_b),
        "join1": (worth["up2"], few_b),
        "up2": (worth["join2"][:a], few_a),
        "join2": (worth["out"], few_a),
    }
    ranked |= {f"blocks.{n}.first": (worth[f"blocks.{n}.second"], few_c) for n in range(len(student.blocks))}
    return {name: value.topk(count).indices.sort().values for name, (value, count) in ranked.items()}


def _widths(refiner: Refiner) -> tuple[int, int, int]:
    a, b, c = (_convolution(module).out_channels for module in (refiner.stem[0], refiner.up1[0], refiner.down2[0]))
    return a, b, c


def _take_over(film: Any, full: Any, inner: Kept) -> None:
    """What the sound does to the channels that are kept stays as it is."""
    rows = torch.cat([inner, inner + full.out_features // 2])
    film.weight.copy_(full.weight[rows])
    film.bias.copy_(full.bias[rows])


def _fit(module: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Fit a convolution with normalisation and ReLU to `target`, what is before the ReLU. Returns its output."""
    assert isinstance(module, nn.Sequential)
    _fit_convolution(module[0], module[1], x, target)
    return torch.cat([module(part) for part in x.split(CHUNK)])


def _fit_convolution(convolution: Any, norm: Any, x: Tensor, target: Tensor) -> None:
    """The normalisation has the statistics of what the convolution computes, so that training finds it as it is."""
    weight, bias = _least_squares(convolution, x, target)
    convolution.weight.copy_(weight)
    made = torch.cat([convolution(part) for part in x.split(CHUNK)])
    mean, variance = made.mean(dim=(0, 2, 3)), made.var(dim=(0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)


def _least_squares(convolution: nn.Conv2d, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias with which the convolution of `x` comes nearest to `target`."""
    size = x.shape[1] * 9 + 1
    square = torch.zeros(size, size, dtype=torch.float64, device=x.device)
    cross = torch.zeros(size, target.shape[1], dtype=torch.float64, device=x.device)
    for part, wanted in zip(x.split(CHUNK), target.split(CHUNK), strict=True):
        columns = F.unfold(part, 3, padding=1, stride=convolution.stride).transpose(1, 2)
        columns = F.pad(columns.flatten(0, 1), (0, 1), value=1.0)
        square += (columns.T @ columns).double()
        cross += (columns.T @ wanted.flatten(2).transpose(1, 2).flatten(0, 1)).double()
    square += torch.eye(size, dtype=torch.float64, device=x.device) * RIDGE * square.diagonal().mean()
    solved = torch.linalg.solve(square, cross).T.float()
    return solved[:, :-1].reshape(convolution.weight.shape), solved[:, -1]


def _convolution(module: nn.Module) -> nn.Conv2d:
    assert isinstance(module, nn.Conv2d)
    return module


def _double(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
