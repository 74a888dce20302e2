"""The real command line over a synthetic corpus, through every stage of both presets, to a dubbed video."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from synclips.cli.main import main
from synclips.data.synthetic import write_synthetic_corpus
from synclips.features.face_mesh import LIPS
from synclips.media.audio import read_audio
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.tracking.detector import FaceMeshDetector

BLUEPRINT_RECIPE = """
precision = "fp32"
[model]
preset = "blueprint"
[pretrain]
steps = 2
batch = 20
validate = 2
[finetune]
steps = 2
batch = 2
validate = 2
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_synthetic_corpus(root, ("s1", "s2"), clips=2, seconds=2.0)
    return root


@pytest.fixture(scope="module")
def shards(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "shards"
    assert main(["preprocess", "--raw-dir", str(corpus), "--output-dir", str(folder), "--workers", "2", "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def trained(shards: Path) -> Path:
    outputs = shards.parent / "outputs"
    arguments = [
        "--shards",
        str(shards),
        "--output-dir",
        str(outputs),
        "--config",
        "tiny",
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main(["pretrain", *arguments]) == 0
    assert main(["finetune", *arguments]) == 0
    return outputs


def test_every_clip_becomes_part_of_a_shard_that_verifies(shards: Path) -> None:
    manifest = json.loads((shards / "manifest.json").read_text())
    assert len(manifest["clips"]) == 4
    assert manifest["rejects"] == []
    assert main(["verify", str(shards)]) == 0


def test_a_second_preprocessing_makes_nothing_again(shards: Path, corpus: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in shards.glob("*.tar")}
    assert main(["preprocess", "--raw-dir", str(corpus), "--output-dir", str(shards), "--quiet"]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in shards.glob("*.tar")} == before


def test_training_leaves_the_best_model_a_log_and_pictures(trained: Path) -> None:
    assert (trained / "checkpoints" / "base.safetensors").is_file()
    for stage in ("pretrain", "motion", "finetune"):
        lines = [json.loads(line) for line in (trained / "base" / stage / "log.jsonl").read_text().splitlines()]
        assert {"train", "validate"} <= {line["kind"] for line in lines}
        assert list((trained / "base" / stage).glob("step_*.png"))


def test_av_offsets_are_measured_after_pretraining(trained: Path, shards: Path) -> None:
    assert trained.is_dir()
    manifest = json.loads((shards / "manifest.json").read_text())
    assert all(clip["av_offset"] is not None for clip in manifest["clips"])


def test_another_preprocessing_keeps_the_measured_offsets(trained: Path, shards: Path, corpus: Path) -> None:
    assert trained.is_dir()
    before = json.loads((shards / "manifest.json").read_text())["clips"]
    assert main(["preprocess", "--raw-dir", str(corpus), "--output-dir", str(shards), "--quiet"]) == 0
    assert json.loads((shards / "manifest.json").read_text())["clips"] == before


def changes(source: Path, result: Path) -> tuple[float, float]:
    """Mean absolute difference in grey levels over the mouth, and in a corner, of every fifth frame."""
    detector, mouth, corner = FaceMeshDetector(), [], []
    for before, after in zip(
        islice(read_frames(source), 0, 50, 5), islice(read_frames(result), 0, 50, 5), strict=False
    ):
        points = detector.detect(before.image)
        assert points is not None
        low, high = (points[LIPS, :2].min(axis=0).astype(int), points[LIPS, :2].max(axis=0).astype(int) + 1)
        difference = np.abs(before.image.astype(int) - after.image)
        mouth.append(difference[low[1] : high[1], low[0] : high[0]].mean())
        corner.append(difference[:40, :40].mean())
    detector.close()
    return float(np.mean(mouth)), float(np.mean(corner))


def same_sound(source: Path, result: Path) -> bool:
    """Whether the result sounds as the source does, but for its encoding."""
    count = 16_000
    one, other = (read_audio(path).samples[:count] for path in (source, result))
    return float(np.corrcoef(one, other)[0, 1]) > 0.9


def test_a_dub_that_returns_its_input_is_noticed(corpus: Path, tmp_path: Path) -> None:
    """The figures that the next test stands on, for the source written again as it is."""
    video = next((corpus / "s2").glob("*.mp4"))
    info, copy = probe(video), tmp_path / "copy.mp4"
    with VideoWriter(copy, info.width, info.height, info.fps, audio=read_audio(video)) as writer:
        for frame in read_frames(video):
            writer.write(frame.image)
    mouth, corner = changes(video, copy)
    assert mouth < corner + 3
    assert same_sound(video, copy)


def test_the_trained_model_dubs_and_only_the_face_changes(trained: Path, corpus: Path, tmp_path: Path) -> None:
    video, output = next((corpus / "s2").glob("*.mp4")), tmp_path / "dubbed.mp4"
    checkpoint = trained / "checkpoints" / "base.safetensors"
    arguments = ["--text", "Bin blue at F two now.", "--voice", "espeak", "--checkpoint", str(checkpoint)]
    assert main(["dub", str(video), *arguments, "--output", str(output), "--device", "cpu", "--quiet"]) == 0
    source, result = probe(video), probe(output)
    assert (result.width, result.height, result.fps) == (source.width, source.height, source.fps)
    assert read_audio(output).duration == pytest.approx(result.duration, abs=0.1)
    mouth, corner = changes(video, output)
    assert corner < 4  # re-encoding only
    assert mouth > corner + 3
    assert not same_sound(video, output)
    # written once: not again without --overwrite
    assert main(["dub", str(video), *arguments, "--output", str(output), "--device", "cpu", "--quiet"]) == 1


def test_the_seed_preset_trains_and_dubs_by_the_same_path(shards: Path, corpus: Path, tmp_path: Path) -> None:
    config = tmp_path / "blueprint.toml"
    config.write_text(BLUEPRINT_RECIPE)
    common = [
        "--shards",
        str(shards),
        "--output-dir",
        str(tmp_path),
        "--config",
        str(config),
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main(["pretrain", *common]) == 0
    assert main(["finetune", *common]) == 0
    video, sound = next((corpus / "s1").glob("*.mp4")), next((corpus / "s2").glob("*.mp4"))
    output = tmp_path / "blueprint.mp4"
    checkpoint = str(tmp_path / "checkpoints" / "blueprint.safetensors")
    arguments = [
        "--audio",
        str(sound),
        "--checkpoint",
        checkpoint,
        "--output",
        str(output),
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main(["dub", str(video), *arguments]) == 0
    assert probe(output).width == probe(video).width
