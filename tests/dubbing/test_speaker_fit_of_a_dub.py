"""Which dubs fit the lips to the person, and what the user is told of it."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_models import write_generator

from synclips.data.portrait import demo_portrait
from synclips.dubbing import prepared_video
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import PreparedVideo, prepare
from synclips.media.photo_video import still_to_video
from synclips.media.video import VideoWriter
from synclips.rendering.blueprint import BlueprintLipSync
from synclips.rendering.lip_sync import LipSync
from synclips.training.personalize import Personalization
from synclips.training.speaker_fit import SpeakerFit

FIT = SpeakerFit(40.0, {"lve": 3.0}, {"lve": 2.0}, 1.0)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> PreparedVideo:
    """A face, ten frames, far too short for a fit."""
    folder = tmp_path_factory.mktemp("short")
    with VideoWriter(folder / "in.mp4", 360, 360, Fraction(25)) as writer:
        for frame in still_to_video(demo_portrait()[40:400, 60:420], 0.4):
            writer.write(np.ascontiguousarray(frame[:360, :360]))
    return prepare(folder / "in.mp4", options=DubOptions(checkpoint=write_generator(folder / "c.safetensors")))


def unprepared(kind: type) -> Any:
    """A renderer of that kind, of which only the kind counts."""
    renderer = object.__new__(kind)
    vars(renderer).update(visibility=np.ones(10, np.float32), kept=np.zeros(10, np.int8), speech_layers=0)
    renderer.motion = SimpleNamespace(own="much")
    return renderer


@pytest.fixture
def notes_of(monkeypatch: pytest.MonkeyPatch, video: PreparedVideo) -> Any:
    """The notes on the face prepared with these options, by this kind of renderer, with this outcome of a fit."""

    def notes(options: DubOptions, kind: type = LipSync, outcome: SpeakerFit | None = FIT) -> tuple[str, ...]:
        monkeypatch.setattr(prepared_video, "build_renderer", lambda *_: unprepared(kind))
        monkeypatch.setattr(prepared_video, "fit_speaker", lambda _: outcome)
        monkeypatch.setattr(
            prepared_video, "fitted", lambda network, *_, **__: (network, Personalization(note="fitted for long"))
        )
        again = replace(video, options=options, _faces={})
        return again.face(again.choose(options.face_choice).face).notes

    return notes


def test_a_fit_is_told_and_no_fit_is_not(notes_of: Any) -> None:
    assert notes_of(DubOptions()) == (str(FIT),)
    assert notes_of(DubOptions(), outcome=None) == ()


def test_a_short_video_is_not_fitted_to(video: PreparedVideo) -> None:
    assert [face.notes for face in video._faces.values()] == [()]


def test_it_can_be_switched_off_and_gives_way_to_the_longer_one(notes_of: Any) -> None:
    assert notes_of(DubOptions(fit_lips=False)) == ()
    assert notes_of(DubOptions(fit=60.0)) == ("fitted for long",)


def test_a_model_of_another_preset_is_left_alone(notes_of: Any) -> None:
    assert notes_of(DubOptions(), kind=BlueprintLipSync) == ()
