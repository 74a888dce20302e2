"""A refiner's file is put upon the model that it was made for, and upon no other; shipped models go by name."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from drawn_clips import draw_clip
from small_models import SMALL_RECIPE, write_generator

from synclips.config import RecipeConfig, RefinerConfig
from synclips.errors import CheckpointError
from synclips.features.alignment import LOWER_VIEW
from synclips.models.checkpoint import save_model
from synclips.models.generator import Generator, Refiner, blend
from synclips.rendering.renderer import SHIPPED, load_model, model_digest, model_path, sound_digest

CPU = torch.device("cpu")
THINNER = replace(SMALL_RECIPE, model=replace(SMALL_RECIPE.model, refiner=RefinerConfig(widths=(4, 4, 8), blocks=1)))


def write_refiner(path: Path, hears: str, recipe: RecipeConfig = THINNER) -> Path:
    """A refiner as `recipe.distill` leaves one."""
    torch.manual_seed(7)
    metadata = {"stage": "distill", "step": 0, "recipe": asdict(recipe), "hears": hears}
    save_model(path, Refiner(recipe.model), metadata, half=True)
    return path


def motion_digest(path: Path) -> str:
    model, _ = load_model(path, CPU)
    assert isinstance(model, Generator)
    return sound_digest(model.motion)


def test_a_refiner_is_put_upon_the_model_beside_it(tmp_path: Path) -> None:
    base = write_generator(tmp_path / SHIPPED)
    fast = write_refiner(tmp_path / "thin.safetensors", motion_digest(base))
    model, metadata = load_model(fast, CPU)
    whole, _ = load_model(base, CPU)
    assert isinstance(model, Generator)
    assert metadata["stage"] == "distill"
    assert model.recipe.model == THINNER.model
    assert model.recipe.render == whole.recipe.render
    assert not model.training
    assert sum(p.numel() for p in model.refiner.parameters()) < sum(p.numel() for p in whole.refiner.parameters())


def test_a_refiner_for_another_model_is_refused(tmp_path: Path) -> None:
    write_generator(tmp_path / SHIPPED)
    fast = write_refiner(tmp_path / "thin.safetensors", "0" * 16)
    with pytest.raises(CheckpointError, match=r"thin\.safetensors holds a refiner for another model than .*base"):
        load_model(fast, CPU)


def test_alone_it_is_put_upon_the_shipped_model_if_it_was_made_for_that(tmp_path: Path) -> None:
    fast = write_refiner(tmp_path / "thin.safetensors", "0" * 16)
    with pytest.raises(CheckpointError, match="another model"):
        load_model(fast, CPU)


def test_a_changed_motion_head_leaves_it_right_but_other_embeddings_do_not(tmp_path: Path) -> None:
    model, _ = load_model(write_generator(tmp_path / SHIPPED), CPU)
    assert isinstance(model, Generator)
    before = sound_digest(model.motion)
    with torch.no_grad():
        for parameter in model.motion.head.parameters():
            parameter.add_(1)
    assert sound_digest(model.motion) == before
    with torch.no_grad():
        next(model.motion.audio_encoder.parameters()).add_(1)
    assert sound_digest(model.motion) != before


def test_the_digest_tells_models_apart_by_either_file(tmp_path: Path) -> None:
    base = write_generator(tmp_path / SHIPPED)
    hears = motion_digest(base)
    fast = write_refiner(tmp_path / "thin.safetensors", hears)
    first = model_digest(fast)
    assert len({first, model_digest(base), model_digest(None)}) == 3
    assert model_digest(fast) == first
    write_refiner(fast, hears, replace(THINNER, seed=5))
    second = model_digest(fast)
    model, _ = load_model(base, CPU)
    save_model(base, model, {"stage": "finetune", "step": 1, "recipe": asdict(SMALL_RECIPE)})
    assert len({first, second, model_digest(fast)}) == 3


def test_models_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base", "fast"):
        with model_path(Path(name)) as path:
            assert path.name == f"{name}.safetensors"
    with model_path(None) as path:
        assert path.name == SHIPPED
    (tmp_path / "fast").write_bytes(b"")  # a file of the user's is meant before the name
    with model_path(Path("fast")) as path:
        assert path == Path("fast")
    with pytest.raises(CheckpointError, match=r"no such checkpoint: fats; give a \.safetensors file, base or fast"):
        load_model(Path("fats"), CPU)


def test_the_shipped_fast_model_is_the_base_model_with_a_thinner_refiner() -> None:
    fast, metadata = load_model(Path("fast"), CPU)
    base, _ = load_model(None, CPU)
    assert isinstance(fast, Generator)
    assert isinstance(base, Generator)
    assert metadata["stage"] == "distill"
    assert all(torch.equal(a, b) for a, b in zip(fast.motion.parameters(), base.motion.parameters(), strict=True))
    few, many = (sum(p.numel() for p in model.refiner.parameters()) for model in (fast, base))
    assert few < many / 2
    crops = torch.from_numpy(draw_clip(3, 9).crops[:, LOWER_VIEW.rows, LOWER_VIEW.columns].copy())
    layers = crops[[0, 4, 8]].permute(0, 3, 1, 2)[None].float() / 127.5 - 1
    masks = torch.zeros(1, 2, 24, 28)
    masks[:, 0, 8:18, 6:22] = 1
    masks[:, 1, 11:15, 9:19] = 1
    masks = torch.nn.functional.interpolate(masks, size=layers.shape[3:], mode="bilinear")
    with torch.no_grad():
        parts = [model.refiner(layers, masks, torch.zeros(1, 192)) for model in (fast, base)]
    pictures = [blend(layers, *part) for part in parts]
    assert (pictures[0] - pictures[1]).abs().mean() < 0.02  # of [-1, 1], in a picture unlike any that it learned from
    assert all(weights[:, 1:].sum(dim=1)[masks[:, 0] > 0.9].mean() > 0.5 for weights, _ in parts)
