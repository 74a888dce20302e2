"""Lips by rule: what is fitted is found again, what is shipped closes the lips and rounds them, silence is rest."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import synclips.training
from synclips.metrics.articulation import MOVEMENTS
from synclips.training import coarticulation
from synclips.training.coarticulation import (
    BILABIAL,
    PRIORS,
    SILENCE,
    SOUNDS,
    WEIGHTS,
    Coarticulation,
    Sound,
    Utterance,
    fit,
    shipped_coarticulation,
)
from synclips.training.speech_sounds import kinds_of

WIDTH, OPENING, PROTRUSION = (MOVEMENTS.index(name) for name in ("width", "opening", "protrusion"))


def line(*names: str, seconds: float = 0.12) -> list[Sound]:
    return [Sound(SOUNDS.index(name), i * seconds, (i + 1) * seconds) for i, name in enumerate(names)]


def by_the_priors() -> Coarticulation:
    priors = torch.tensor([PRIORS[name] for name in SOUNDS])
    reach = torch.full((len(SOUNDS), 5), float(np.log(coarticulation.REACH)))
    dominance = priors[:, 5:].expand(-1, 5)
    return Coarticulation(priors[:, :5], dominance, reach, reach, torch.zeros(5), torch.zeros(5), torch.ones(5))


def test_the_shipped_fit_is_of_these_sounds_and_movements() -> None:
    path = Path(synclips.training.__file__).parent / WEIGHTS
    with safe_open(path, "pt") as stored:  # type: ignore[no-untyped-call]
        assert stored.metadata() == {"sounds": ", ".join(SOUNDS), "movements": ", ".join(MOVEMENTS)}
    lips = shipped_coarticulation()
    assert lips.target.shape == lips.before.shape == (len(SOUNDS), 5)
    assert all(torch.isfinite(value).all() for value in vars(lips).values())
    assert lips.lag.abs().max() < 0.05


def test_lips_close_for_p_b_m_between_any_two_vowels_and_nowhere_else() -> None:
    lips, times = shipped_coarticulation(), np.arange(60) / 100
    for first in ("ɑ", "i", "eɪ", "aɪ"):
        for second in ("æ", "oʊ", "ɛ"):
            opening = lips.movements(line("k", first, "p b m", second, "t"), times)[:, OPENING]
            assert opening[28:34].min() < 0.75
            assert opening[16:20].max() > 1.5
            open_all_along = lips.movements(line("k", first, "l", second, "t"), times)[:, OPENING]
            assert open_all_along[12:48].min() > 1.0


def test_rounded_vowels_are_narrower_and_further_out_than_spread_ones() -> None:
    lips, times = shipped_coarticulation(), np.array([0.18])
    spread, rounded = (lips.movements(line("s", vowel, "s"), times)[0] for vowel in ("i", "u"))
    assert rounded[WIDTH] < spread[WIDTH] - 1
    assert rounded[PROTRUSION] > spread[PROTRUSION] + 0.5


def test_before_and_after_a_line_lips_rest() -> None:
    lips = shipped_coarticulation()
    moved = lips.movements(line("ɑ", "i", "ɑ"), np.array([-3.0, 0.18, 3.0]))
    assert np.abs(moved[[0, 2], OPENING]).max() < 0.5 < moved[1, OPENING]
    with pytest.raises(ValueError, match="no sounds"):
        lips.movements([], np.arange(3.0))


def test_every_class_has_a_target_of_its_own_and_silence_none_that_moves() -> None:
    assert BILABIAL != SILENCE
    assert len({tuple(prior[:5]) for prior in PRIORS.values()}) >= len(PRIORS) - 4
    assert kinds_of("p") == kinds_of("m") == (BILABIAL,)


def test_a_fit_finds_the_rule_that_made_the_movements() -> None:
    """Two people, one of whom moves twice as far; the rule differs from the priors, at which the fit begins."""
    rng = np.random.default_rng(0)
    rule = by_the_priors()
    truth = Coarticulation(rule.target * 1.4 + 0.3, *list(vars(rule).values())[1:])
    spoken = ("p b m", "ɑ", "i", "u", "s", "l")
    utterances = []
    for i in range(60):
        sounds = line(*rng.choice(spoken, 8))
        movements = truth.movements(sounds, (np.arange(24) + 0.5) / 25)
        utterances.append(Utterance("ab"[i % 2], sounds, movements * (2 if i % 2 else 1)))
    found = fit(utterances)
    sounds = line("s", "u", "p b m", "i", "l", "ɑ")
    times = (np.arange(18) + 0.5) / 25
    wanted, made = truth.movements(sounds, times), found.movements(sounds, times)
    before = by_the_priors().movements(sounds, times)
    follows = [np.corrcoef(made[:, i], wanted[:, i])[0, 1] for i in range(5)]
    assert min(follows) > 0.95
    # the average person moves sqrt(2) times as far as the first
    assert made[:, OPENING].std() / wanted[:, OPENING].std() == pytest.approx(2**0.5, rel=0.15)
    assert before[:, OPENING].std() / wanted[:, OPENING].std() < 0.8
    assert found.spread[OPENING] / truth.movements(sounds, times)[:, OPENING].std() > 1.1


def test_a_fit_is_written_and_read_again(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    lips = by_the_priors()
    lips.save(tmp_path / "lips.safetensors")
    again = Coarticulation(**load_file(tmp_path / "lips.safetensors"))
    assert all(torch.equal(a, b) for a, b in zip(vars(lips).values(), vars(again).values(), strict=True))
