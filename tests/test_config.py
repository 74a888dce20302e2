"""Recipes: names, defaults, and what earlier versions called things."""

import pytest

from synclips.config import ModelConfig, from_dict, load_recipe
from synclips.errors import ConfigError


def test_the_preset_of_the_authors_modules_is_found_by_its_former_name_too() -> None:
    assert load_recipe("seed") == load_recipe("blueprint")
    assert load_recipe("blueprint").model.preset == "blueprint"
    assert from_dict(ModelConfig, {"preset": "seed"}, "a checkpoint").preset == "blueprint"


def test_a_preset_that_never_was_is_refused() -> None:
    with pytest.raises(ConfigError, match="one of base, blueprint"):
        from_dict(ModelConfig, {"preset": "wav2lip"}, "a recipe")
