"""Asks eSpeak NG how words are pronounced: `python -I -S pronounce_process.py LIBRARY DATA VOICE < words`.

One word a line on standard input; standard output gets as many lines, each the word's phonemes in the International
Phonetic Alphabet with `_` between them. A process of its own, as `espeak_process`: eSpeak NG is under the GPL.
"""

import ctypes
import sys
from typing import Any, Final

_SYNCHRONOUS: Final = 2
_DO_NOT_EXIT: Final = 0x8000
_CHARS_UTF8: Final = 1
_IPA: Final = 0x02
_SEPARATOR: Final = ord("_") << 8


def main(library_path: str, data: str, voice: str) -> int:
    """Answer standard input. Returns the exit status: 0, 2 no such voice, 3 the library does not work."""
    library: Any = ctypes.CDLL(library_path)
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT) <= 0:
        return 3
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        return 2
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    for line in sys.stdin.buffer.read().splitlines():
        rest = ctypes.c_char_p(line)
        parts = []
        while rest.value:
            parts.append(library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, _IPA | _SEPARATOR) or b"")
        sys.stdout.buffer.write(b"_".join(parts).strip() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
