"""Recipes: names, defaults, and what earlier versions called things."""

import json
from dataclasses import asdict

import pytest

from synclips.config import ModelConfig, RecipeConfig, RenderConfig, SamplingConfig, from_dict, load_recipe
from synclips.errors import ConfigError


def test_the_preset_of_the_authors_modules_is_found_by_its_former_name_too() -> None:
    assert load_recipe("seed") == load_recipe("blueprint")
    assert load_recipe("blueprint").model.preset == "blueprint"
    assert from_dict(ModelConfig, {"preset": "seed"}, "a checkpoint").preset == "blueprint"


def test_a_preset_that_never_was_is_refused() -> None:
    with pytest.raises(ConfigError, match="one of base, blueprint"):
        from_dict(ModelConfig, {"preset": "wav2lip"}, "a recipe")


def test_a_checkpoint_without_newer_settings_takes_their_defaults() -> None:
    """Checkpoints written before `render` and `sampling` were settings load with them."""
    earlier = asdict(RecipeConfig(seed=3))
    for name in ("render", "sampling"):
        del earlier[name]
    del earlier["model"]["motion"]["bank_share"]
    assert from_dict(RecipeConfig, earlier, "a checkpoint") == RecipeConfig(seed=3)


def test_settings_come_back_from_json_as_they_were() -> None:
    recipe = RecipeConfig(render=RenderConfig(choice="frame", turn_cost=60.0), sampling=SamplingConfig(turned=0.1))
    assert from_dict(RecipeConfig, json.loads(json.dumps(asdict(recipe))), "a checkpoint") == recipe
    with pytest.raises(ConfigError, match="choice is one of path, frame, middle"):
        from_dict(RecipeConfig, {"render": {"choice": "best"}}, "a recipe")
