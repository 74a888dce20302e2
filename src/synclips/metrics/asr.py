"""Word accuracy of speech by pocketsphinx's recogniser, where that is installed.

Its American model is small: on clear everyday sentences it recognises about three words of four, so only a large drop
is significant. A sentence of GRID is recognised with GRID's grammar, which is far more accurate.
"""

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from synclips.data.grid import PLACES
from synclips.errors import BackendError
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.text.normalise import normalise

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_GRID: Final = re.compile(" ".join(f"(?:{'|'.join(words)})" for words in PLACES))
_EDGE: Final = SAMPLE_RATE // 5
"""Samples of silence put before and after a sound, which the recogniser wants."""


def word_accuracy(sound: Waveform, text: str) -> float:
    """Share of the text's words that are heard, less those that are heard and not there; at least 0.

    Raises:
        BackendError: pocketsphinx is not installed.
        TextError: the text is in another script than Latin.
    """
    import jiwer

    said = spoken_words(text)
    if not said:
        raise ValueError("no word is to be heard in an empty text")
    return max(0.0, 1 - float(jiwer.wer(said, hear(sound, grid=_GRID.fullmatch(said) is not None) or "-")))


def spoken_words(text: str) -> str:
    """The words alone, as they are spoken, in lower case.

    Raises:
        TextError: as `normalise`.
    """
    words = re.sub(r"[^a-z' ]+", " ", normalise(text).lower()).split()
    return " ".join("a" if word == "eigh" else word for word in words)


def hear(sound: Waveform, *, grid: bool = False) -> str:
    """The words in a sound; with `grid`, of GRID's sentences.

    Raises:
        BackendError: pocketsphinx is not installed.
    """
    decoder = _decoder(grid)
    samples = sound.resampled(SAMPLE_RATE).samples
    loud = samples * (0.7 / max(float(np.abs(samples).max(initial=0)), 1e-6))
    noise = 1e-4 * np.random.default_rng(0).standard_normal(len(loud) + 2 * _EDGE)
    decoder.start_utt()
    decoder.process_raw(((np.pad(loud, _EDGE) + noise) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return str(heard.hypstr) if heard is not None else ""


def _decoder(grid: bool) -> "Decoder":
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise BackendError("no word can be heard without pocketsphinx; pip install pocketsphinx") from error
    options = {"lm": None} if grid else {}
    decoder = Decoder(samprate=float(SAMPLE_RATE), loglevel="FATAL", **options)
    if grid:
        line = " ".join(f"({'|'.join(words)})" for words in PLACES)
        decoder.add_jsgf_string("grid", f"#JSGF V1.0; grammar grid; public <line> = {line};")
        decoder.activate_search("grid")
    return decoder
