"""Bytes of a text file to text: Unicode in any of its forms, and what old Windows programs write."""

import codecs
from typing import Final

from synclips.errors import TextError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1a\x1b")


def decode_text(content: bytes, where: object) -> tuple[str, str]:
    """The text in `content`, and a note where its encoding had to be guessed (else empty).

    Raises:
        TextError: it is not text, or breaks off; `where` it was read is named.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None) or _without_mark(content)
    try:
        return content.decode(encoding or "utf-8"), ""
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise TextError(
                f"{where} is not text in {encoding.upper()} (byte {error.start}); save it as UTF-8"
            ) from error
    if sum(byte in _CONTROL for byte in content[:4096]) > len(content[:4096]) // 100:
        raise TextError(f"{where} is not text; give a text file in UTF-8")
    text = content.decode("cp1252", "replace").replace("\ufffd", " ")
    return text, f"{where} is not text in UTF-8: it was read as Windows-1252"


def _without_mark(content: bytes) -> str | None:
    """UTF-16 by the zeros that it has in every second place of Latin letters."""
    even, odd = content[:2000:2].count(0), content[1:2000:2].count(0)
    if max(even, odd) * 3 < len(content[:2000]) or len(content) % 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
