"""Addresses on networks, names of files and programs, hashtags and telephone numbers: `node.js`, `me@site.org`."""

import re
from typing import Final

from synclips.speech.text.numbers import digits, number_words
from synclips.speech.text.patterns import Found, Replacements, replaced

_TOP: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|dev|app|io|ai|tv|me|eu|de|fr|uk|es|it|nl|ch|at|be|pl|se|no|jp|cn|ru|in|ca|"
    "au|us|co\\.uk"
)
_FILES: Final = (
    "js|ts|py|rb|go|rs|c|h|cpp|cs|java|php|sh|bat|exe|dll|txt|md|pdf|docx?|xlsx?|pptx?|csv|tsv|json|xml|ya?ml|toml|html?|"
    "css|sql|zip|tar|gz|7z|png|jpe?g|gif|svg|webp|heic|tiff?|bmp|mp[34]|m4a|mov|mkv|avi|webm|wav|flac|ogg|srt|vtt|iso|net|"
    "log|ini|cfg|bak|tmp"
)
_SPELLED: Final = re.compile(r"[^aeiouy]+|[a-z]*\d[a-z\d]*|p(?:y|df|hp)|ai|io|exe|iso|avi|csv", re.IGNORECASE)
"""Endings that are said letter by letter; the others are words."""


def addresses_in_words(text: str) -> str:
    """`text` with such names in words."""
    return replaced(text, _ADDRESSES)


def phones_in_words(text: str) -> str:
    """`text` with its telephone numbers, card numbers and IP addresses read digit by digit."""
    return replaced(text, _PHONES)


def _url(found: Found) -> str:
    address = re.sub(r"^(?:https?|ftp)://", "", found[0], flags=re.IGNORECASE)
    ending = re.search(r"[.,!?;:)\]'\"]+$", address)
    tail = next((sign for sign in (ending[0] if ending else "") if sign in ".,!?;:"), "")
    address = re.sub(r"^www\.", "w w w.", address.rstrip("/.,!?;:)]'\""), flags=re.IGNORECASE)
    for sign, word in ((".", "dot"), ("/", "slash"), ("-", "dash"), ("_", "underscore"), ("@", "at"), (":", "colon")):
        address = address.replace(sign, f" {word} ")
    for sign, word in (("?", "question mark"), ("=", "equals"), ("&", "and"), ("#", "hash"), ("+", "plus")):
        address = address.replace(sign, f" {word} ")
    address = address.replace("~", " tilde ").replace("%", " percent ")
    return re.sub(r"\d+", lambda number: f" {digits(number[0])} ", address) + tail


def _file(found: Found) -> str:
    return f"{found[1]} dot {_ending(found[2])}"


def _ending(written: str) -> str:
    """`js` -> J S, `net` -> net."""
    if not _SPELLED.fullmatch(written):
        return written
    return " ".join(digits(sign) if sign.isdigit() else sign.upper() for sign in written)


def _hashtag(found: Found) -> str:
    words = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[a-zA-Z])(?=\d)", " ", found[1]).replace("_", " ")
    return f"hashtag {words}"


def _phone(found: Found) -> str:
    return _dialled(found[0]) + " "


def _dialled(written: str) -> str:
    groups = re.findall(r"\d+", written.replace("(0)", ""))
    plus = "plus " if written.lstrip("(").startswith("+") else ""
    return plus + ", ".join(digits(group) for group in groups)


def _called(found: Found) -> str:
    return str(found[1]) + _dialled(found[2])


def _dots(found: Found) -> str:
    return " dot ".join(number_words(part) for part in found[0].split("."))


def _version(found: Found) -> str:
    if not found[1] and re.fullmatch(r"\d{1,3}(?:\.\d{3})+", found[2]):  # thousands, as in much of Europe
        return found[0]
    words = " point ".join(number_words(part) for part in found[2].split("."))
    return f"version {words}" if found[1] == "version " else words


_END: Final = r"(?![\w])"
_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESSES: Final[Replacements] = (
    (re.compile(r"\b(?:(?:https?|ftp)://|www\.)[^\s<>]+", re.IGNORECASE), _url),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), _url),
    (
        re.compile(
            rf"(?<![.@\w-])[a-zA-Z][\w-]*(?:\.[\w-]+)*\.(?:{_TOP})\b(?:(?::\d+)?/[^\s<>]*)?(?!\.?\w)", re.IGNORECASE
        ),
        lambda found: _url(found) if _is_address(found[0]) else found[0],
    ),
    (re.compile(r"\blocalhost:(\d+)"), lambda found: f"local host colon {digits(found[1])}"),
    (
        re.compile(rf"(?<![\w.-])([\w-]+(?:\.\w+)*)\.({_FILES})\b(?![.]\w)", re.IGNORECASE),
        lambda found: _file(found) if _is_address(found[0]) else found[0],
    ),
    (re.compile(r"(?<![\w.])\.(NET|[a-z]{2,5})\b"), lambda found: f"dot {_ending(found[1])}"),
    (re.compile(r"(?<=[a-z])\.(?=[a-z]{2,})(?<![.\s][a-z]\.)"), lambda _: " dot "),
    (re.compile(r"(?<![\w&])#([A-Za-z_]\w*)"), _hashtag),
    (re.compile(r"(?<![\w@])@(?=\w)"), lambda _: "at "),
)


def _is_address(written: str) -> bool:
    """Not two sentences without a space between them (`Wait.In`), nor `U.S`."""
    head, _, last = written.split("/")[0].rpartition(".")
    sentences = last[:1].isupper() and not last.isupper()
    return not sentences and len(head) > 1 and (not head.isdigit() or len(last) > 2)


_PHONES: Final[Replacements] = (
    (re.compile(rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?![\w]|\.\d)"), _dots),
    (re.compile(r"\b(\d{4}(?:[ -]\d{4}){2,4})\b(?![ -]?\d)"), _phone),
    (
        re.compile(
            r"((?i:\b(?:tel|phone|fax|mobile|call|dial|ring|text|whats ?app|number is)[.:]* ))"
            r"(\+?[\d(][\d ()/-]{1,18}\d)"
            r"(?![\w,.]\d|[\d]| ?(?:people|times|a|minutes|[%$€£]))"
        ),
        _called,
    ),
    (re.compile(rf"(?<![\w.-])\+\d{{1,3}}(?:[ .-]?\(\d{{1,4}}\))?(?:[ ./-]?\d{{1,7}}){{1,6}}{_END}"), _phone),
    (re.compile(rf"(?:\+?\d{{1,3}}[ -]?)?\(\d{{3}}\) ?\d{{3}}[- .]\d{{4}}{_END}"), _phone),
    (re.compile(rf"(?<![\w.])\(0\d{{1,4}}\) ?\d{{3,4}}[ -]?\d{{3,4}}{_END}"), _phone),
    (re.compile(rf"(?<![\w.])(?:\+?\d{{1,3}}[ .-])?\d{{3}}([ .-])\d{{3}}\1\d{{4}}{_END}"), _phone),
    (re.compile(rf"(?<![\w.,:/-])(?<!\d )0\d{{2,4}}[ /-]\d{{2,8}}(?:[ -]\d{{2,6}}){{0,4}}{_END}"), _phone),
    (
        re.compile(r"\b(1)-(\d{3})-([A-Z\d]{3,}(?:-[A-Z\d]+)*)\b"),
        lambda found: f"one, {digits(found[2])}, {re.sub(chr(45), ' ', found[3])}",
    ),
    (re.compile(rf"(?<![\w.-])\d{{3}}-\d{{4}}{_END}(?!-\d)"), _phone),
    (re.compile(r"\bv(\d+\.\d+)(?![\d.]*\.\d)\b"), lambda found: f"version {number_words(found[1])}"),
    (re.compile(r"\b(v|version )?(\d+(?:\.\d+){2,})(?!,\d)"), _version),
)
