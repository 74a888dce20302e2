"""Wav2Lip's architecture as a baseline: trained on our shards, it stands beside our models in one table.

    OMP_NUM_THREADS=1 python benchmarks/wav2lip.py --shards SHARDS --expert ENCODERS [--output-dir outputs/wav2lip]
    synclips evaluate --checkpoint CHECKPOINT --method wav2lip=benchmarks/wav2lip.py

The first line trains, going on where it was, and leaves OUTPUT-DIR/wav2lip.safetensors; the second takes the generator
of outputs/wav2lip, or the one that the environment variable WAV2LIP names.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from synclips.evaluation.protocol import Method

OUTPUTS, KEPT = Path("outputs/wav2lip"), "wav2lip.safetensors"
CACHE = 3 << 30
"""Bytes of decoded clips kept in memory."""


def method(device: "torch.device") -> "Method":
    """What `synclips evaluate --method` asks for: see synclips.evaluation.methods."""
    from wav2lip.method import wav2lip_method

    return wav2lip_method(Path(os.environ.get("WAV2LIP", OUTPUTS / KEPT)), device)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", metavar="DIR", type=Path, required=True, help="of `synclips preprocess`")
    parser.add_argument("--expert", metavar="FILE", type=Path, required=True, help="encoders of `synclips pretrain`")
    parser.add_argument("--output-dir", metavar="DIR", type=Path, default=OUTPUTS, help=f"default {OUTPUTS}")
    parser.add_argument("--steps", metavar="N", type=int, help="instead of the stage's own number")
    args = parser.parse_args()

    from synclips.runtime import choose_device, share_cores, tune_allocator

    tune_allocator()
    share_cores()

    from wav2lip.method import keep
    from wav2lip.training import WAV2LIP, Wav2LipStage

    from synclips.config import RecipeConfig
    from synclips.data.dataset import ClipStore
    from synclips.metrics.evaluators import load_judge
    from synclips.training.loop import run_stage

    config = replace(WAV2LIP, steps=args.steps or WAV2LIP.steps)
    recipe = RecipeConfig(finetune=config)
    stage = Wav2LipStage(ClipStore(args.shards, CACHE), recipe, load_judge(args.expert), choose_device("auto"), config)
    best = run_stage(stage, recipe, args.output_dir, on_progress=show)
    sys.stdout.write(f"\n{keep(best, args.output_dir / KEPT, stage.model.width)}\n")


def show(stage: str, done: int, total: int) -> None:
    """One line, written over."""
    sys.stdout.write(f"\r{stage} {done}/{total}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
