"""What a dub costs: each stage, the whole process, beside the limit and beside a network of Wav2Lip's architecture.

    python benchmarks/speed.py CLIP SPEECH [--seconds 5] [--heights 360 720 1080] [--processes 1] [--growth]
                               [--checkpoint fast]

CLIP, a video of one person, is scaled to each height (its shape stays) and repeated to last. All figures of one run
come from the same minutes of the same machine: compare them with each other only.

Stages: CPU milliseconds a frame of one thread, x264 with all its own; they run at once in a dub. "limit" decodes and
encodes alone: nothing that writes a new file is faster. Whole process: seconds of `synclips dub` by the clock, its CPU
seconds and its most memory, for the first and the second dub of a video, and for the limit; seconds to the first
frame. Networks: milliseconds a frame on one thread. Growth: the first dub of a video of one height that is twice and
four times as long, that has four times the pixels, and that shows the person two and three times side by side.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

PUBLISHED = 37_000_000
"""Weights of the Wav2Lip generator that its authors released, about."""


def main() -> None:
    parser = argparse.ArgumentParser(description="What a dub costs, stage by stage.")
    parser.add_argument("clip", type=Path, help="a video of one person")
    parser.add_argument("speech", type=Path, help="a recording of at least the seconds")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--heights", type=int, nargs="*", default=[360, 720, 1080])
    parser.add_argument("--processes", type=int, default=1, help="runs of each whole process; the least counts")
    parser.add_argument("--checkpoint", metavar="C", type=Path, help="the model, as `synclips dub` takes it")
    parser.add_argument("--growth", action="store_true", help="with length, pixels and faces too")
    parser.add_argument("--no-networks", dest="networks", action="store_false")
    parser.add_argument("--no-stages", dest="stages", action="store_false")
    parser.add_argument("--json", type=Path, help="writes the whole processes' figures, for queue_simulation.py")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    say(f"{os.cpu_count()} cores, {processor()}, load {os.getloadavg()[0]:.1f}")
    if args.networks:
        networks(args.checkpoint)
    with tempfile.TemporaryDirectory(prefix="synclips-speed-") as folder:
        speech = Path(folder) / "speech.wav"
        cut_speech(args.speech, args.seconds, speech)
        for height in args.heights:
            video = Path(folder) / f"{height}.mp4"
            frames = scaled(args.clip, height, args.seconds, video)
            say(f"\n{height} lines, {frames} frames")
            if args.stages:
                stages(video, speech, Path(folder), args.checkpoint)
            if args.processes:
                rows += processes(video, speech, Path(folder), args.processes, frames, args.checkpoint)
        if args.json:
            args.json.write_text(json.dumps({"processes": rows}, indent=1) + "\n")
        if args.growth:
            growth(args.clip, args.speech, args.seconds, Path(folder), args.checkpoint)


def networks(checkpoint: Path | None) -> None:
    """The refiner by torch and by its engine, the motion model, and a network of Wav2Lip's architecture and size; where
    a model is named, the shipped one's refiner too."""
    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    from wav2lip.network import Wav2Lip

    from synclips.features.speech_features import feature_count
    from synclips.models.generator import Generator
    from synclips.models.refiner_engine import refiner_engine
    from synclips.rendering.renderer import load_model

    torch.set_num_threads(1)
    model, _ = load_model(checkpoint, torch.device("cpu"))
    shipped, _ = load_model(None, torch.device("cpu"))
    assert isinstance(model, Generator)
    assert isinstance(shipped, Generator)
    dim = model.recipe.model.audio.dim
    layers, masks = torch.rand(1, model.refiner.layers, 3, 96, 112), torch.rand(1, 2, 96, 112)
    sound = torch.randn(1, dim)
    features = torch.randn(1, 400, feature_count(model.recipe.model.audio.speech_layers))
    bank = torch.randn(1, 48, model.recipe.model.syncnet.dim)
    shapes, present = torch.randn(1, 48, model.recipe.model.motion.components), torch.ones(1, 48, dtype=torch.bool)
    width = next(w for w in range(16, 64) if weights(Wav2Lip(w)) >= PUBLISHED)
    other = Wav2Lip(width).eval()
    faces, mel = torch.rand(16, 3, 96, 96), torch.rand(16, 80, 16)
    engine, other_engine = (refiner_engine(m.refiner, "auto", fp32_on_cpu=True) for m in (model, shipped))
    with torch.inference_mode():
        if checkpoint is not None:
            run = other_engine or shipped.refiner
            say(f"  {'refiner of the shipped model':52} {best(lambda: run(layers, masks, sound)):6.1f} ms a frame")
        figures = {
            "motion": best(lambda: model.motion(features, bank, shapes, present)) / 100,
            "refiner, torch": best(lambda: model.refiner(layers, masks, sound)),
            "refiner, ncnn": np.nan if engine is None else best(lambda: engine(layers, masks, sound)),
            f"Wav2Lip's architecture, {weights(other) / 1e6:.0f} M weights, batches of 16": best(
                lambda: other(faces, faces, mel), 4
            )
            / 16,
        }
    say(f"networks (ours: {weights(model.refiner) / 1e6:.1f} M refiner, {weights(model.motion) / 1e6:.1f} M motion)")
    for name, value in figures.items():
        say(f"  {name:52} {value:6.1f} ms a frame")
    ours = figures["motion"] + np.nanmin([figures["refiner, torch"], figures["refiner, ncnn"]])
    say(f"  motion and refiner are {list(figures.values())[-1] / ours:.1f} times as fast")


def stages(video: Path, speech: Path, folder: Path, checkpoint: Path | None) -> None:
    """CPU milliseconds a frame of each stage by itself."""
    from synclips.dubbing.options import DubOptions
    from synclips.dubbing.prepared_video import prepare
    from synclips.media.audio import read_audio
    from synclips.media.conversions import Conversions
    from synclips.media.frame_index import pictures_in_order
    from synclips.media.video import VideoWriter, probe, read_frames
    from synclips.rendering.chunked import BlockPlan
    from synclips.rendering.timeline import plan_timeline
    from synclips.runtime import tune_allocator
    from synclips.tracking.detections import detect_faces
    from synclips.tracking.detector import FaceMeshDetector

    tune_allocator()
    cv2.setNumThreads(1)
    info = probe(video)
    count = info.frame_count or 1
    order = range(count)
    figures = {
        "decode": cpu(lambda: drain(pictures_in_order(video, order))) / count,
        "decode and convert to RGB": cpu(lambda: drain(read_frames(video))) / count,
    }
    images = list(read_frames(video))
    figures["find faces"] = cpu(lambda: detect_faces(iter(images), FaceMeshDetector(faces=5))) / count
    del images
    began = time.process_time()
    prepared = prepare(video, options=DubOptions(cache=False, device="cpu", checkpoint=checkpoint))
    face = prepared.face(prepared.choose(prepared.options.face_choice).face)
    once = time.process_time() - began - (figures["decode and convert to RGB"] + figures["find faces"]) * count / 1000
    said = read_audio(speech, 16_000)
    timeline = plan_timeline(face.tracked.times, info.duration, said.duration, "cut_off")
    plan = BlockPlan(face.renderer, said, timeline)
    figures["plan"] = cpu(lambda: plan.job(0)) / len(timeline)
    pictures = list(islice(pictures_in_order(video, order, conversions=Conversions()), min(60, len(timeline))))
    jobs = [plan.job(step) for step in range(len(pictures))]
    pairs = list(zip(jobs, pictures, strict=True))
    made = [picture if job is None else job.picture(picture) for job, picture in pairs[:2]]
    figures["render"] = cpu(lambda: made.extend(p if j is None else j.picture(p) for j, p in pairs)) / len(pairs)
    del made[:2]

    def encode() -> None:
        with VideoWriter(
            folder / "encoded.mp4", info.width, info.height, info.fps, like=info, overwrite=True
        ) as writer:
            for picture in made:
                writer.write(picture)

    figures["encode"] = cpu(encode) / len(made)
    for name, value in figures.items():
        say(f"  {name:28} {value:7.1f} ms a frame")
    figures.pop("decode and convert to RGB")
    say(f"  {'all but the faces':28} {sum(figures.values()) - figures['find faces']:7.1f} ms a frame")
    say(f"  {'bank of mouths, once':28} {once:7.1f} s")


def processes(
    video: Path, speech: Path, folder: Path, runs: int, frames: int, checkpoint: Path | None
) -> list[dict[str, Any]]:
    """Whole processes: the first and the second dub, and the limit. Returns a row of figures for each."""
    output = folder / "out.mp4"
    dub = dub_command(video, speech, output, checkpoint)
    limit = [sys.executable, __file__.replace("speed.py", "speed_limit.py"), str(video), str(output)]
    found: dict[str, list[tuple[float, float, float]]] = {}
    for run in range(runs):  # with caches of its own, empty before each first dub
        environment = os.environ | {"XDG_CACHE_HOME": str(folder / f"cache{run}-{video.stem}")}
        found.setdefault("first dub", []).append(timed(dub, environment))
        found.setdefault("second dub", []).append(timed(dub, environment))
        found.setdefault("limit", []).append(timed(limit, environment))
    first_frame = [
        sys.executable,
        __file__.replace("speed.py", "speed_first_frame.py"),
        *map(str, (video, speech, output, *([] if checkpoint is None else [checkpoint]))),
    ]
    cache = {"XDG_CACHE_HOME": str(folder / f"cache-first-{video.stem}")}
    shown = subprocess.run(first_frame, env=os.environ | cache, check=True, capture_output=True, text=True)
    seconds = frames / float(Fraction(video_rate(video)))
    figures = []
    for name, rows in found.items():
        wall, used, memory = min(rows)
        row = {"name": name, "height": int(video.stem), "duration": seconds, "seconds": wall, "cpu": used, "MB": memory}
        figures.append(row)
        say(f"  {name:28} {wall:7.1f} s  CPU {used:6.1f} s  {memory:6.0f} MB  real-time factor {wall / seconds:.2f}")
    cold, prepared, cached, anew = shown.stdout.split()[-4:]
    say(f"  first frame after {cold} s from a cold start; in a running process after {anew} s, {cached} s with a video")
    say(f"  that was seen before, {prepared} s with one that is still prepared")
    return figures


def growth(clip: Path, speech: Path, seconds: float, folder: Path, checkpoint: Path | None, height: int = 360) -> None:
    """First dubs of a small video and of larger ones."""
    say(f"\ngrowth from {height} lines, {seconds:g} s, one face")
    cases = {
        "as it is": (1, 1, 1), "twice as long": (2, 1, 1), "four times as long": (4, 1, 1),
        "four times the pixels": (1, 2, 1), "two faces": (1, 1, 2), "three faces": (1, 1, 3),
    }  # fmt: skip
    for number, (name, (longer, higher, faces)) in enumerate(cases.items()):
        video, said = folder / f"growth{number}.mp4", folder / f"growth{number}.wav"
        cut_speech(speech, seconds * longer, said)
        scaled(clip, height * higher, seconds * longer, video, faces)
        environment = os.environ | {"XDG_CACHE_HOME": str(folder / f"cache-growth{number}")}
        wall, used, memory = timed(dub_command(video, said, folder / "out.mp4", checkpoint), environment)
        say(f"  {name:28} {wall:7.1f} s  CPU {used:6.1f} s  {memory:6.0f} MB")


def dub_command(video: Path, speech: Path, output: Path, checkpoint: Path | None) -> list[str]:
    command = [sys.executable, "-m", "synclips", "dub", str(video), "--audio", str(speech), "--output", str(output)]
    command += [] if checkpoint is None else ["--checkpoint", str(checkpoint)]
    return [*command, "--sync-mode", "cut_off", "--quiet", "--no-provenance", "--overwrite"]


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds by the clock, CPU seconds and most megabytes of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    status, most = Path(f"/proc/{process.pid}/status"), 0.0
    while True:  # what wait4 tells of memory counts this process too, from before the other program was started
        with suppress(OSError, IndexError):
            most = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
        ended, code, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, most


def scaled(clip: Path, height: int, seconds: float, video: Path, faces: int = 1) -> int:
    """The clip at another height, `faces` times side by side, there and back until it lasts; how many frames."""
    from synclips.media.video import VideoWriter, probe, read_frames

    info = probe(clip)
    count = round(seconds * info.fps)
    width = round(info.width * height / info.height / 2) * 2
    images = [
        np.tile(cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA), (1, faces, 1))
        for frame in islice(read_frames(clip), min(count, 150))
    ]
    with VideoWriter(video, faces * width, height, info.fps, quality=20) as writer:
        for image in islice(cycle([*images, *images[-2:0:-1]]), count):
            writer.write(image)
    return count


def cut_speech(speech: Path, seconds: float, path: Path) -> None:
    from synclips.media.audio import Waveform, read_audio, write_wav

    said = read_audio(speech)
    write_wav(path, Waveform(np.resize(said.samples, round(seconds * said.sample_rate)), said.sample_rate))


def video_rate(video: Path) -> Fraction:
    from synclips.media.video import probe

    return probe(video).fps


def drain(items: Iterable[object]) -> None:
    for _ in items:
        pass


def cpu(call: Callable[[], object]) -> float:
    """CPU milliseconds of the process."""
    began = time.process_time()
    call()
    return 1000 * (time.process_time() - began)


def best(call: Callable[[], object], runs: int = 15) -> float:
    """The least milliseconds of CPU over some runs, after two that do not count."""
    call()
    return min(cpu(call) for _ in range(runs + 1))


def weights(network: object) -> int:
    import torch

    assert isinstance(network, torch.nn.Module)
    return sum(parameter.numel() for parameter in network.parameters())


def processor() -> str:
    lines: Iterator[str] = iter(())
    if Path("/proc/cpuinfo").exists():
        lines = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return next(lines, "model name: unknown").partition(":")[2].strip()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
