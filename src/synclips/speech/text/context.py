"""What stands around a written form, as far as it tells how the form is meant."""

import re
from typing import Final

_REACH: Final = 60
"""Characters."""


def before(found: re.Match[str]) -> str:
    """What stands just before the form."""
    return found.string[max(0, found.start() - _REACH) : found.start()]


def after(found: re.Match[str]) -> str:
    """What stands just after the form."""
    return found.string[found.end() : found.end() + _REACH]
