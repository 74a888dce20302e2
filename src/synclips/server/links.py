"""Links to files that work without a key for some time: HMAC-SHA256 over path and time (as RFC 2104)."""

import hashlib
import hmac
import time
from urllib.parse import urlencode

from synclips.server.answers import ApiError


class Links:
    """Signs and checks paths with the installation's secret."""

    def __init__(self, secret: str, seconds: float) -> None:
        self._secret, self._seconds = secret.encode(), seconds

    def signed(self, path: str, *, purpose: str = "read", seconds: float | None = None) -> str:
        """The path with its signature, good for `seconds`; the same within a minute, for caches."""
        until = int((time.time() + (seconds or self._seconds)) // 60 + 1) * 60
        return f"{path}?{urlencode({'expires': until, 'signature': self._mark(path, purpose, until)})}"

    def check(self, path: str, expires: str, signature: str, *, purpose: str = "read") -> None:
        """Refuse a path whose signature is wrong or too old.

        Raises:
            ApiError: it is.
        """
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12 or int(expires) < time.time():
            raise ApiError("forbidden", "The link has expired; ask for a new one.")
        if not hmac.compare_digest(self._mark(path, purpose, int(expires)).encode(), signature.encode()):
            raise ApiError("forbidden", "The link's signature is wrong; ask for a new one.")

    def _mark(self, path: str, purpose: str, until: int) -> str:
        return hmac.new(self._secret, f"{purpose}\n{path}\n{until}".encode(), hashlib.sha256).hexdigest()
