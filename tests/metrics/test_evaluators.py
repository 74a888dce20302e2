"""The judge is not the expert: it is trained in another order, on other changes, from other weights."""

from synclips.config import load_recipe
from synclips.data.augmentation import draw_picture_change, draw_sound_change
from synclips.data.dataset import BalancedSampler
from synclips.training.pretrain import PretrainStage

KEYS = [f"s{speaker}.{number:04d}" for speaker in (1, 2, 3, 4, 5) for number in range(40)]
EXPERT, JUDGE = load_recipe("base"), load_recipe("judge")


def test_order_of_clips_differs_in_every_step() -> None:
    samplers = [BalancedSampler(KEYS, recipe.seed, PretrainStage.name) for recipe in (EXPERT, JUDGE)]
    for step in range(50):
        one, two = (sampler.draw(sampler.rng(step), 10) for sampler in samplers)
        assert one != two


def test_changes_of_picture_and_sound_differ_in_size_and_in_draw() -> None:
    names = ("rotation", "shift", "zoom", "light", "picture_noise", "sound_noise", "quietest_snr", "formant", "speed")
    assert all(getattr(EXPERT.augment, name) != getattr(JUDGE.augment, name) for name in names), "pretraining's"
    for step in range(20):
        rngs = [BalancedSampler(KEYS, recipe.seed, PretrainStage.name).rng(step) for recipe in (EXPERT, JUDGE)]
        pairs = [
            (draw_picture_change(r.augment, g), draw_sound_change(r.augment, g))
            for r, g in zip((EXPERT, JUDGE), rngs, strict=True)
        ]
        assert pairs[0] != pairs[1]


def test_only_the_architecture_is_shared() -> None:
    assert EXPERT.model.syncnet == JUDGE.model.syncnet
    assert EXPERT.seed != JUDGE.seed
    assert EXPERT.digest() != JUDGE.digest()
