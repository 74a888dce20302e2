"""What fp32 and bf16 cost on this processor, and how far their results are apart.

    python benchmarks/precision.py CLIP [FRAMES]

Renders the clip's own speech onto its own frames (60 without FRAMES) by the shipped model in both precisions, in turn,
frame by frame, and prints the time of each per frame, the one that `auto` takes, and the PSNR between their frames in
the box where they differ at all (the mouth), beside that of the whole frame.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch


def main() -> None:
    parser = argparse.ArgumentParser(description="fp32 beside bf16 on this processor.")
    parser.add_argument("clip", type=Path, help="a video of one person speaking")
    parser.add_argument("frames", type=int, nargs="?", default=60)
    args = parser.parse_args()

    from synclips.features.mfcc import audio_features, mfcc
    from synclips.media.audio import normalise_loudness, read_audio
    from synclips.media.timebase import FPS
    from synclips.media.video import probe, read_frames
    from synclips.models.generator import Generator
    from synclips.rendering.lip_sync import LipSync
    from synclips.rendering.renderer import load_model
    from synclips.runtime import choose_precision, tune_allocator
    from synclips.tracking.detector import FaceMeshDetector
    from synclips.tracking.tracked_video import track_video

    tune_allocator()
    torch.set_num_threads(1)
    device = torch.device("cpu")
    model, _ = load_model(None, device)
    assert isinstance(model, Generator)
    video = track_video(probe(args.clip), read_frames(args.clip), FaceMeshDetector())
    images = [frame.image for frame in read_frames(args.clip)][: min(args.frames, len(video))]
    source = np.arange(len(images))
    features = audio_features(mfcc(normalise_loudness(read_audio(args.clip)), len(images)))
    renderer = LipSync(model, video)
    plan = renderer.plan(features, source / FPS, source)
    seconds = {"fp32": 0.0, "bf16": 0.0}
    errors, boxes = [], []
    for step, image in enumerate(images):
        made = {}
        for precision in seconds:
            renderer.precision = precision
            started = time.perf_counter()
            made[precision] = renderer.render(image, step, plan, step).astype(np.float64)
            seconds[precision] += time.perf_counter() - started
        error = (made["fp32"] - made["bf16"]) ** 2
        errors.append(error.mean())
        rows, columns = (np.flatnonzero(error.any(axis=(2, axis)).ravel()) for axis in (1, 0))
        if len(rows):
            boxes.append(error[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean())
    for precision, total in seconds.items():
        sys.stdout.write(f"{precision}: {1000 * total / len(images):.0f} ms a frame\n")
    sys.stdout.write(f"auto takes {choose_precision(device)}\n")
    whole, box = (-10 * np.log10(np.mean(part) / 255**2) for part in (errors, boxes))
    sys.stdout.write(f"PSNR between them: {box:.1f} dB in the box that differs, {whole:.1f} dB over the frame\n")


if __name__ == "__main__":
    main()
