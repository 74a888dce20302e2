"""The shipped model closes the lips for "p", "b" and "m" in sentences that no corpus of its people holds."""

import numpy as np
import pytest
import torch

from synclips.features.speech_features import sound_features
from synclips.media.audio import normalise_loudness
from synclips.media.timebase import FPS, SAMPLE_RATE, frames_in
from synclips.metrics.articulation import CLOSED, movement_rows, smallest_openings
from synclips.models.generator import Generator
from synclips.rendering.renderer import load_model
from synclips.speech.tts.hibari import HibariSynthesizer
from synclips.training.coarticulation import BILABIAL, OPENING, shipped_coarticulation
from synclips.training.speech_sounds import hibari_line, sounds_of

SENTENCES = (
    "A number of people came from the museum.",
    "Perhaps my brother bumped the old lamp.",
    "Simple maps may be the best problem.",
    "Five big umbrellas blew about in the bay.",
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    model, _ = load_model(None, torch.device("cpu"))
    assert isinstance(model, Generator)
    return model


@pytest.mark.parametrize("pitch", [0.9, 1.2])
def test_lips_close_and_open_with_the_sounds(generator: Generator, pitch: float) -> None:
    """With no mouth of anybody to go by. The model before it knew such lines closed them in half of the places."""
    model, lips = generator.motion, shipped_coarticulation()
    layers = generator.recipe.model.audio.speech_layers
    closed, follows, spread = [], [], []
    for sentence in SENTENCES:
        sound, spoken = hibari_line(sentence, HibariSynthesizer().pitched(pitch, 1.0))
        heard = normalise_loudness(sound.resampled(SAMPLE_RATE))
        count = frames_in(len(heard.samples))
        dim = model.video_encoder(torch.zeros(1, 15, 48, 96)).shape[1]
        nobody = torch.zeros(1, 1, dim), torch.zeros(1, 1, len(model.spread)), torch.zeros(1, 1, dtype=torch.bool)
        with torch.no_grad():
            made, _ = model(torch.from_numpy(sound_features(heard, count, layers))[None], *nobody)
            moved = movement_rows(model.displacement(made[0]).numpy())
        times, sounds = (np.arange(count) + 0.5) / FPS, sounds_of(spoken)
        rule = lips.movements(sounds, times)
        spans = [(sound.start, sound.end) for sound in sounds if sound.kind == BILABIAL]
        closed += smallest_openings(moved[:, OPENING], times, spans)
        follows.append([np.corrcoef(moved[:, i], rule[:, i])[0, 1] for i in range(moved.shape[1])])
        spread.append(moved[:, OPENING].std())
    assert len(closed) > 30
    assert np.mean(np.array(closed) < CLOSED) > 0.9
    assert np.mean(follows, axis=0)[OPENING] > 0.65
    assert np.mean(follows) > 0.55
    assert np.mean(spread) > 1.2  # and they do move
