"""How many live sessions a server has at a time, and each key of them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from synclips.server.answers import ApiError

_PATIENCE: Final = 2.0
"""Seconds that a session waits for another one to end: a page that is loaded anew has just left its own."""


class LiveSlots:
    """At most `most` sessions, and `most_each` of an owner. All calls come from one event loop."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._held: Counter[str] = Counter()

    @asynccontextmanager
    async def taken(self, owner: str) -> AsyncIterator[None]:
        """Within it the owner has a session.

        Raises:
            ApiError: there are too many.
        """
        until = time.monotonic() + _PATIENCE
        while (refused := self._refusal(owner)) is not None:
            if time.monotonic() > until or self._most <= 0:
                raise refused
            await asyncio.sleep(0.05)
        self._held[owner] += 1
        try:
            yield
        finally:
            self._held[owner] -= 1

    def _refusal(self, owner: str) -> ApiError | None:
        if self._most <= 0:
            return ApiError("service_unavailable", "This server has no live sessions; its operator allows them.")
        if self._held[owner] >= self._most_each:
            return ApiError("live_limit", f"A key may have {self._most_each} at a time; end yours first.")
        if self._held.total() >= self._most:
            return ApiError("live_limit", "Every live session of this server is taken; try again later.")
        return None
