"""The painted inner mouth: when it is painted, in which light, whose teeth, and that nothing else changes."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_head import drawn_video, pictures
from small_models import FEATURES, SMALL_RECIPE, write_generator

from synclips.errors import CheckpointError
from synclips.features.face_mesh import INNER_LIPS, lower_opening
from synclips.models.checkpoint import save_model
from synclips.models.generator import Generator
from synclips.models.inner_mouth import InnerMouth
from synclips.rendering.inner_mouth import InnerMouthPainter, between_lips
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.mouth_bank import MouthBank, build_bank
from synclips.rendering.own_teeth import fixed_share
from synclips.rendering.renderer import INNER_MOUTH, build_model, load_model

CPU = torch.device("cpu")
PEOPLE = 3


def network() -> InnerMouth:
    torch.manual_seed(1)
    return InnerMouth(SMALL_RECIPE.model.inner_mouth, PEOPLE).eval()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[LipSync, list[np.ndarray]]:
    """A drawn head that speaks, and its frames."""
    video = drawn_video(tmp_path_factory.mktemp("head") / "head.mkv", 40)
    torch.manual_seed(0)
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    model.painters = (network(),)
    return LipSync(model, video, build_bank(video, SMALL_RECIPE.render), "fp32"), pictures(video)


def closed_only(bank: MouthBank) -> MouthBank:
    """The bank without its open mouths."""
    opening = np.array([lower_opening(lower) for lower in bank.lower])
    kept = np.flatnonzero(opening < 1.5)
    return MouthBank(
        bank.frames[kept], bank.lower[kept], bank.turn[kept], tuple(bank.mouths[i] for i in kept), bank.gain
    )


def test_only_what_the_bank_does_not_show_is_painted(scene: tuple[LipSync, list[np.ndarray]]) -> None:
    lip_sync, _ = scene
    bank = lip_sync.bank
    wanted = bank.lower[np.argsort([lower_opening(lower) for lower in bank.lower])]
    full, shut = (InnerMouthPainter(network(), b, lip_sync.rest) for b in (bank, closed_only(bank)))
    assert full.share(wanted).max() == 0
    share = shut.share(wanted)
    assert share[-1] == 1
    assert np.abs(np.diff(share)).max() < 0.5  # no jump from one opening to the next
    assert shut.shown < 1 < 6 < full.shown


def test_one_open_picture_stands_for_all_and_a_speaker_s_mouths_do_not() -> None:
    assert fixed_share(np.array([8.0])) == 1
    assert fixed_share(np.full(50, 0.5)) == 0  # no teeth to be seen
    assert fixed_share(np.linspace(0, 9, 50)) == 0


def test_the_mouth_is_painted_in_the_light_of_the_frame(scene: tuple[LipSync, list[np.ndarray]]) -> None:
    lip_sync, _ = scene
    painter = InnerMouthPainter(network(), lip_sync.bank, lip_sync.rest)
    lower = lip_sync.bank.lower[10]
    bright = np.array([0.3, 0.0, -0.3, 0.2, -0.3, -0.4], np.float32)
    dark = ((bright + 1) / 2 - 1).astype(np.float32)
    one, other = (painter.paint(lower, colours).astype(float) for colours in (bright, dark))
    np.testing.assert_allclose(other, one / 2, atol=2)
    assert one.std() > 1


def test_the_code_is_that_which_paints_the_bank_best(scene: tuple[LipSync, list[np.ndarray]]) -> None:
    lip_sync, _ = scene
    made = network()
    with torch.no_grad():
        made.mix[0].weight *= 4  # codes that tell people apart
        made.out.weight *= 4
        made.usual.fill_(2)
    painter = InnerMouthPainter(made, lip_sync.bank, lip_sync.rest)
    errors = []
    from synclips.features.mouth_canvas import lip_colours
    from synclips.rendering.inner_mouth import COMPARED, on_canvas

    numbers = np.argsort([lower_opening(lower) for lower in lip_sync.bank.lower])[-COMPARED:]
    for code in made.codes.weight.detach().numpy():
        total = 0.0
        for number in numbers:
            mouth, lower = lip_sync.bank.mouths[number], lip_sync.bank.lower[number]
            colours = lip_colours(mouth.picture, mouth.points)
            assert colours is not None
            difference = painter.paint(lower, colours, code).astype(float) - on_canvas(painter.canvas, mouth, lower)
            total += float((np.abs(difference) * painter.canvas.mask(lower)[..., None]).sum())
        errors.append(total)
    assert max(errors) > 1.01 * min(errors)
    np.testing.assert_array_equal(painter.code, made.codes.weight.detach().numpy()[int(np.argmin(errors))])
    unseen = InnerMouthPainter(made, closed_only(lip_sync.bank), lip_sync.rest)
    np.testing.assert_array_equal(unseen.code, made.codes.weight.detach().numpy()[2])


def test_a_closed_mouth_is_painted_between_its_lips_only(scene: tuple[LipSync, list[np.ndarray]]) -> None:
    whole, frames = scene
    model = whole.model
    shut = LipSync(model, whole.video, closed_only(whole.bank), "fp32")
    features = np.zeros((160, FEATURES), np.float32)
    plan = shut.plan(features, np.arange(40) / 25, np.arange(40))
    wanted = whole.bank.lower[int(np.argmax([lower_opening(lower) for lower in whole.bank.lower]))]
    plan = replace(plan, lower=np.repeat(wanted[None], 40, axis=0), painted=np.ones(40, np.float32))
    source = int(shut.bank.frames[0])
    made = shut.render(frames[source], source, plan, source)
    with torch.no_grad():
        model.painters[0].out.bias += 1.0  # another picture between the lips
    other = shut.render(frames[source], source, plan, source)
    with torch.no_grad():
        model.painters[0].out.bias -= 1.0
    changed = np.abs(made.astype(int) - other).max(axis=2)
    points = np.asarray(whole.video.track.points[source])[INNER_LIPS, :2]
    rows, columns = np.nonzero(changed > 8)
    assert len(rows) > 100
    assert columns.min() > points[:, 0].min() - 3
    assert columns.max() < points[:, 0].max() + 3
    unpainted = shut.render(frames[source], source, replace(plan, painted=np.zeros(40, np.float32)), source)
    assert np.abs(made.astype(int) - unpainted).max() > 20


def test_the_inside_of_closed_lips_is_nothing() -> None:
    points = np.zeros((492, 2), np.float32)
    points[INNER_LIPS, 0] = 20 + 10 * np.cos(np.linspace(np.pi, 3 * np.pi, 20, endpoint=False))
    points[INNER_LIPS, 1] = 20
    assert between_lips(points, 40, 40, 1.0).max() < 0.4
    points[INNER_LIPS, 1] += 8 * np.sin(np.linspace(np.pi, 3 * np.pi, 20, endpoint=False))
    assert between_lips(points, 40, 40, 1.0)[20, 20] > 0.99


def test_the_painter_beside_a_checkpoint_is_taken(tmp_path: Path) -> None:
    checkpoint = write_generator(tmp_path / "base.safetensors")
    metadata = {"stage": "inner_mouth", "step": 0, "recipe": asdict(SMALL_RECIPE)}
    save_model(tmp_path / INNER_MOUTH, network(), metadata, half=True)
    model, _ = load_model(checkpoint, CPU)
    assert isinstance(model, Generator)
    assert model.inner_mouth is not None
    assert len(model.inner_mouth.codes.weight) == PEOPLE
    assert not any("codes" in name for name in model.state_dict())  # it is stored apart
    (tmp_path / INNER_MOUTH).write_bytes(b"no weights")
    with pytest.raises(CheckpointError):
        load_model(checkpoint, CPU)
