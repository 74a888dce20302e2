"""Written forms as patterns: what is said instead of each, and what stands around it."""

import re
from collections.abc import Callable
from typing import Final

Found = re.Match[str]
Replacements = tuple[tuple[re.Pattern[str], Callable[[Found], str]], ...]
"""Patterns and what is said instead, in the order in which they are tried."""
_REACH: Final = 60
"""Characters."""


def replaced(text: str, replacements: Replacements) -> str:
    """`text` with whatever each pattern finds replaced, one pattern after the other."""
    for pattern, say in replacements:
        text = pattern.sub(say, text)
    return text


def before(found: Found) -> str:
    """What stands just before the form."""
    return found.string[max(0, found.start() - _REACH) : found.start()]


def after(found: Found) -> str:
    """What stands just after the form."""
    return found.string[found.end() : found.end() + _REACH]
