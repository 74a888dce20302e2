"""Runs eSpeak NG by itself: `python -I -S espeak_process.py LIBRARY DATA VOICE PITCH RANGE WORDS_PER_MINUTE < text`.

Standard output gets one line of JSON, {"sample_rate": Hz, "words": [[position, length, ms, ms], ...], "sounds":
[[name in IPA, ms, ms], ...]}, then the samples, 16-bit little-endian. What stands in the text between [[ and ]] is
read as the library's own phonemes. With `sounds` as a fourth and last argument each line of the input is a text of its
own, and out comes a line of JSON, the names of the phonemes of each, in IPA. Only the standard
library is imported: starting takes some 20 ms. A process of
its own for each sentence, because the library keeps its state (noise generator, phases) in globals that no call resets:
the same sentence would sound different each time. It calls the public C interface, `speak_lib.h` and `espeak_ng.h` of
eSpeak NG 1.52.
"""

import ctypes
import json
import sys
from typing import Any, Final

_SYNCHRONOUS: Final = 2
_DO_NOT_EXIT: Final = 0x8000
_CHARS_UTF8: Final = 1
_PHONEMES_IN_BRACKETS: Final = 0x100
_PHONEME_EVENTS, _NAMES_IN_IPA = 1, 2
_POSITION_CHARACTER: Final = 1
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_END, _EVENT_PHONEME = 0, 1, 5, 7
_RATE, _PITCH, _RANGE = 1, 3, 4
_SEED: Final = 1
"""The Klatt voices draw their breath noise from the library's random numbers."""


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def main(library_path: str, data: str, voice: str, pitch: str, pitch_range: str, words_per_minute: str) -> int:
    """Speak standard input. Returns the exit status: 0, 2 no such voice, 3 the library does not work."""
    library: Any = ctypes.CDLL(library_path)
    options = _DO_NOT_EXIT | _PHONEME_EVENTS | _NAMES_IN_IPA
    sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 200, data.encode(), options)
    if sample_rate <= 0:
        return 3
    pieces: list[bytes] = []
    marks: list[tuple[int, int, int, int]] = []
    sounds: list[tuple[str, int]] = []

    def receive(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type != _EVENT_END_OF_LIST:
            event = events[index]
            if event.type in (_EVENT_WORD, _EVENT_END):
                marks.append((event.type, event.text_position, event.length, event.audio_position))
            elif event.type == _EVENT_PHONEME:
                sounds.append((_name(event), event.audio_position))
            index += 1
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        return 2
    for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, int(value), 0)
    library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
    text = sys.stdin.buffer.read() + b"\0"
    size = ctypes.c_size_t(len(text))
    if (
        library.espeak_Synth(text, size, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8 | _PHONEMES_IN_BRACKETS, None, None)
        != 0
    ):
        return 3
    sound = b"".join(pieces)
    end = 1000 * len(sound) // 2 // sample_rate
    ends = [mark[3] for mark in marks[1:]] + [end]
    words = [
        [position - 1, length, start, min(stop, end)]
        for (kind, position, length, start), stop in zip(marks, ends, strict=True)
        if kind == _EVENT_WORD
    ]
    stops = [start for _, start in sounds[1:]] + [end]
    timed = [[name, start, min(stop, end)] for (name, start), stop in zip(sounds, stops, strict=True)]
    header = json.dumps({"sample_rate": sample_rate, "words": words, "sounds": timed})
    sys.stdout.buffer.write(header.encode() + b"\n" + sound)
    return 0


def list_sounds(library_path: str, data: str, voice: str) -> int:
    """The phonemes of each line of standard input. Returns the exit status as `main`."""
    library: Any = ctypes.CDLL(library_path)
    options = _DO_NOT_EXIT | _PHONEME_EVENTS | _NAMES_IN_IPA
    if library.espeak_Initialize(_SYNCHRONOUS, 200, data.encode(), options) <= 0:
        return 3
    names: list[list[str]] = []

    def receive(_samples: Any, _count: int, events: Any) -> int:
        index = 0
        while events[index].type != _EVENT_END_OF_LIST:
            if events[index].type == _EVENT_PHONEME:
                names[-1].append(_name(events[index]))
            index += 1
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        return 2
    flags = _CHARS_UTF8 | _PHONEMES_IN_BRACKETS
    for line in sys.stdin.buffer.read().splitlines():
        names.append([])
        text = line + b"\0"
        if library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, _POSITION_CHARACTER, 0, flags, None, None) != 0:
            return 3
    sys.stdout.write(json.dumps(names))
    return 0


def _name(event: Any) -> str:
    """The phoneme of an event: up to eight bytes, not always ended by a zero."""
    return ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0].decode(errors="replace")


if __name__ == "__main__":
    if sys.argv[4:] == ["sounds"]:
        sys.exit(list_sounds(*sys.argv[1:4]))
    sys.exit(main(*sys.argv[1:]))
