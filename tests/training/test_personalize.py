"""A model fitted to a person's own video is never worse on what was held out, and says why it was left alone."""

from copy import deepcopy
from dataclasses import fields, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import SMALL, SMALL_RECIPE

from synclips.config import LossConfig, ModelConfig, PersonalizeConfig, RecipeConfig
from synclips.data.synthetic import write_synthetic_corpus
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.video import probe, read_frames
from synclips.metrics.sync import SyncFigures
from synclips.models.generator import Generator
from synclips.models.syncnet import SyncNet
from synclips.rendering.renderer import build_model
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.tracked_video import TrackedVideo, track_video
from synclips.training import last_layer, motion_head, personal_stages, personalize
from synclips.training.personal_clips import PersonalClips, cut_clips
from synclips.training.personalize import Personalization, fit_person, fitted


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrackedVideo, Waveform]:
    root = tmp_path_factory.mktemp("raw")
    write_synthetic_corpus(root, ("s1",), clips=1, seconds=4.0)
    path = next(root.glob("s1/*.m*"))
    detector = FaceMeshDetector()
    video = track_video(probe(path), read_frames(path), detector)
    detector.close()
    return video, normalise_loudness(read_audio(path))


@pytest.fixture
def model() -> Generator:
    torch.manual_seed(0)
    generator = build_model(SMALL_RECIPE)
    assert isinstance(generator, Generator)
    points = torch.randn_like(generator.motion.basis).flatten(1)
    basis = torch.linalg.qr(points.T).Q.T.reshape(generator.motion.basis.shape)
    generator.motion.set_basis(generator.motion.mean, basis, torch.ones(len(basis)))
    return generator.eval()


def heard_with(confidence: float) -> SyncFigures:
    nothing = np.zeros(1, np.float32)
    return SyncFigures(0, 0.5, 0.5, confidence, 1.0, 0.3, np.zeros(1, np.int64), nothing, nothing)


def test_clips_are_cut_on_the_sounds_clock(person: tuple[TrackedVideo, Waveform]) -> None:
    video, sound = person
    clips = cut_clips(video, sound)
    assert len(clips) >= 3
    assert all(len(clip.waveform.samples) == 640 * len(clip) for clip in clips)
    start = int(clips[1].name) * 640
    np.testing.assert_array_equal(clips[1].waveform.samples[:100], sound.samples[start : start + 100])


def test_a_face_that_is_gone_is_left_out(person: tuple[TrackedVideo, Waveform]) -> None:
    video, sound = person
    visible = video.track.visible.copy()
    visible[30:60] = False
    hidden = replace(video, track=replace(video.track, visible=visible))
    shown = [range(int(c.name), int(c.name) + len(c)) for c in cut_clips(hidden, sound)]
    assert shown
    assert all(n not in span for span in shown for n in range(30, 60))


def test_a_fit_gains_or_keeps_and_leaves_the_model_alone(
    person: tuple[TrackedVideo, Waveform], model: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personalize, "measure_sync", lambda *_: heard_with(0.5))
    model.recipe = replace(model.recipe, personalize=PersonalizeConfig(rate=3e-2, warmup=1))
    ticks = count()
    monkeypatch.setattr(personal_stages.time, "monotonic", lambda: next(ticks) * 0.2)
    torch.nn.init.constant_(model.motion.head[-1].bias, 2.0)  # a mouth that hangs open
    before = {name: value.clone() for name, value in model.state_dict().items()}
    told: list[int] = []
    fitted, fit = fit_person(
        model, *person, SyncNet(39, SMALL.syncnet).eval(), 4.0, on_progress=lambda _, done, __: told.append(done)
    )
    assert fit.lip_error is not None
    assert fit.psnr is not None
    assert fit.lip_error[1] < fit.lip_error[0]
    assert fit.psnr[1] >= fit.psnr[0]
    assert told == sorted(told)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert any(not torch.equal(before[name], value) for name, value in fitted.state_dict().items())


def test_a_fit_follows_the_checkpoints_recipe(
    person: tuple[TrackedVideo, Waveform], model: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose recipe weighs every loss with nought learns nothing; by the default recipe it would."""
    monkeypatch.setattr(personalize, "measure_sync", lambda *_: heard_with(0.5))
    ticks = count()
    monkeypatch.setattr(personal_stages.time, "monotonic", lambda: next(ticks) * 0.4)
    torch.nn.init.constant_(model.motion.head[-1].bias, 2.0)
    nothing = LossConfig(**{field.name: 0.0 for field in fields(LossConfig)})
    model.recipe = replace(model.recipe, loss=nothing, personalize=PersonalizeConfig(rate=3e-2, warmup=1))
    fitted, fit = fit_person(model, *person, SyncNet(39, SMALL.syncnet).eval(), 4.0)
    assert not fit.note
    for name, value in model.state_dict().items():
        assert torch.equal(fitted.state_dict()[name], value)


def test_the_last_layer_is_fitted_first_where_the_video_is_long_enough(
    person: tuple[TrackedVideo, Waveform], model: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.nn.init.constant_(model.motion.head[-1].bias, 2.0)  # a mouth that hangs open
    clips = PersonalClips(cut_clips(*person))
    left, before = personalize._with_fitted_head(model, clips)
    assert torch.equal(left.motion.head[-1].bias, model.motion.head[-1].bias)
    monkeypatch.setattr(motion_head, "LEAST", 1.0)
    monkeypatch.setattr(last_layer, "BIAS", 1.0)
    changed, again = personalize._with_fitted_head(model, clips)
    assert again == before
    stage = personal_stages.PersonalMotionStage(clips, changed)
    with torch.no_grad():
        assert stage.validate(changed)["lip_error"] < 0.8 * before
    assert torch.equal(model.motion.head[-1].bias, left.motion.head[-1].bias)


def test_sound_that_does_not_belong_to_the_lips_teaches_nothing(
    person: tuple[TrackedVideo, Waveform], model: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personalize, "measure_sync", lambda *_: heard_with(0.01))
    fitted, fit = fit_person(model, *person, SyncNet(39, SMALL.syncnet).eval(), 5.0)
    assert fitted is model
    assert "does not belong" in fit.note


def test_the_offset_of_the_sound_is_known_to_all_clips(person: tuple[TrackedVideo, Waveform]) -> None:
    personal = PersonalClips(cut_clips(*person), offset=3)
    assert {personal.offset(key) for key in personal} == {3}


def test_a_fit_is_kept_for_the_next_line_and_a_damaged_one_is_made_again(
    person: tuple[TrackedVideo, Waveform], model: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def fit(model: Generator, *_: object, **__: object) -> tuple[Generator, Personalization]:
        calls.append(1.0)
        other = deepcopy(model)
        torch.nn.init.constant_(other.refiner.out.bias, 0.25)
        return other, Personalization((3.0, 2.0), (28.0, 29.0))

    monkeypatch.setattr(personalize, "fit_person", fit)
    video = person[0]
    first, told = fitted(model, video, 5.0, tmp_path)
    again, told_again = fitted(model, video, 5.0, tmp_path)
    assert len(calls) == 1
    assert told == told_again
    assert "3.00 -> 2.00" in told.said
    assert isinstance(first, Generator)
    assert isinstance(again, Generator)
    assert torch.equal(first.refiner.out.bias, again.refiner.out.bias)
    next(tmp_path.glob("*.safetensors")).write_bytes(b"damaged")
    fitted(model, video, 5.0, tmp_path)
    assert len(calls) == 2
    fitted(model, video, 6.0, tmp_path)
    assert len(calls) == 3


def test_a_silent_video_and_another_preset_are_left_alone(
    person: tuple[TrackedVideo, Waveform], model: Generator
) -> None:
    silent = replace(person[0], info=replace(person[0].info, has_audio=False))
    assert fitted(model, silent, 5.0, None)[0] is model
    seed = build_model(RecipeConfig(model=ModelConfig(preset="blueprint")))
    same, fit = fitted(seed, person[0], 5.0, None)
    assert same is seed
    assert "base" in fit.note
