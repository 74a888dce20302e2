"""Tags and entities of HTML, SSML, WebVTT and ASS, which are not read out. `a<b and c>d` is no tag."""

import html
import re
from typing import Final

_BREAKING: Final = frozenset({
    "address", "article", "aside", "audio", "blockquote", "body", "break", "caption", "center", "div", "dd", "dl",
    "dt", "figure", "figcaption", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr",
    "html", "iframe", "img", "li", "main", "nav", "ol", "option", "p", "para", "paragraph", "pre", "section",
    "sentence", "speak", "svg", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul", "video",
    "voice", "br",
})  # fmt: skip
_INLINE: Final = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "c", "cite", "code", "del", "dfn", "em", "emphasis", "font",
    "i", "ins", "kbd", "lang", "lexicon", "mark", "metadata", "phoneme", "prosody", "q", "rb", "rp", "rt", "ruby",
    "s", "samp", "say-as", "script", "small", "span", "strike", "strong", "style", "sub", "sup", "time", "tt", "u",
    "v", "var", "w",
})  # fmt: skip
_NAMES: Final = "|".join(sorted((re.escape(name) for name in _BREAKING | _INLINE), key=len, reverse=True))
_ATTRIBUTES: Final = r"(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>=]+))*"
_VALUES: Final = re.compile(
    r"<(?:v|lang)(?:\.[^\s<>]*)?(?:\s[^<>]*)?>|<c(?:\.[^\s<>]*)?>|</(?:v|lang|c)>", re.IGNORECASE
)
"""Tags of WebVTT whose value stands without a name: `<v Anna>`."""
_TAG: Final = re.compile(
    rf"<(?P<end>/?)(?P<name>(?:amazon:[\w-]+|mstts:[\w-]+|{_NAMES}))(?P<class>\.[\w.-]*)?(?P<more>{_ATTRIBUTES})\s*(?P<empty>/?)>",
    re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"<!--.*?-->|<!\[CDATA\[|\]\]>|<[?!][A-Za-z][^<>]*>", re.DOTALL)
_TIME: Final = re.compile(r"<(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}>")
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_OVERRIDE: Final = re.compile(r"\{[^{}]*\\[^{}]*\}")
_HIDDEN: Final = re.compile(r"<(script|style|metadata|rt|rp)\b[^<>]*>.*?</\1>", re.DOTALL | re.IGNORECASE)


def without_tags(text: str, *, captions: bool = False) -> str:
    """`text` without tags and entities; those that break a line leave a space, those inside a word leave nothing.

    `captions`: also those of subtitles: `<v Anna>`, `<00:00:01.500>`, `{\\an8}`, `\\N`.
    """
    if captions:
        text = _TIME.sub("", _OVERRIDE.sub("", text))
        text = re.sub(r"\\[Nnh]", " ", text)
        text = _VALUES.sub("", text)
    text = _COMMENT.sub(" ", _HIDDEN.sub(" ", text))
    closed = {found["name"].lower() for found in _TAG.finditer(text) if found["end"]}

    def gone(found: re.Match[str]) -> str:
        name = found["name"].lower()
        glued = found.start() > 0 and found.string[found.start() - 1].isalnum()
        if glued and not (found["end"] or found["empty"] or found["more"]) and len(name) == 1 and name not in closed:
            return found[0]  # a<b is a comparison
        return " " if name in _BREAKING or ":" in name else ""

    return _ENTITY.sub(lambda found: html.unescape(found[0]), _TAG.sub(gone, text))
