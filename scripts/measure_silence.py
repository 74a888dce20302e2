"""Measure the speech encoder's mean state in the silences before and after sentences, for `features.speech_features`.

    python scripts/measure_silence.py --raw-dir data/raw --speakers s1 s2 s22

Any corpus of short spoken clips will do. The state is the mean over clips of the mean over steps that are quiet for
0.2 s on either side, one for each number of layers.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from synclips.features.mel import mel_spectrum
from synclips.features.speech_features import MEL_RANGE, MOST_LAYERS, NEAR, SILENCE, speech_states
from synclips.files import atomic_path
from synclips.media.audio import normalise_loudness, read_audio
from synclips.media.timebase import STEPS_PER_FRAME, frames_in
from synclips.models.speech_encoder import MELS

BELOW = 20.0
"""Decibels below the clip's loud steps (their 90th percentile) at which a step is quiet."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw-dir", type=Path, required=True, help="folders of clips, one a speaker")
    parser.add_argument("--speakers", nargs="+", required=True)
    parser.add_argument("--clips", type=int, default=8, help="clips a speaker (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent.parent / "src/synclips/features/weights" / SILENCE
    )
    arguments = parser.parse_args()
    means: dict[str, list[np.ndarray]] = {str(layers): [] for layers in range(1, MOST_LAYERS + 1)}
    for speaker in arguments.speakers:
        clips = [path for path in sorted((arguments.raw_dir / speaker).rglob("*")) if path.suffix in (".mpg", ".mp4")]
        for path in clips[: arguments.clips]:
            sound = normalise_loudness(read_audio(path))
            frames = frames_in(len(sound.samples))
            quiet = quiet_steps(sound.samples, frames)
            for layers in range(1, MOST_LAYERS + 1):
                if quiet.any():
                    states = speech_states(sound, 0, frames, layers, settled=False)
                    means[str(layers)].append(states[quiet].mean(axis=0))
    with atomic_path(arguments.output, overwrite=True) as temporary:
        save_file({name: np.mean(values, axis=0).astype(np.float32) for name, values in means.items()}, temporary)


def quiet_steps(samples: np.ndarray, frames: int) -> np.ndarray:
    """Steps at 100 Hz around which a sound is quiet."""
    power = mel_spectrum(samples, frames * STEPS_PER_FRAME, MELS, MEL_RANGE).sum(axis=1)
    level = 10 * np.log10(power + 1e-12)
    loud = level > np.percentile(level, 90) - BELOW
    return np.convolve(loud, np.ones(NEAR), "same") < 0.5


if __name__ == "__main__":
    main()
