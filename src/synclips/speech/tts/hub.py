"""The Hugging Face hub, from where the neural voices' weights come: is it there, and what its failures mean."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from synclips.errors import BackendError, SyncLipsError

HOST: Final = "huggingface.co"
_PATIENCE: Final = 1.5
"""Seconds to find out whether the hub can be reached; its own client would try for minutes."""
_REMEMBERED: Final = 600.0
"""Seconds for which a failure is remembered, so that not every command waits for it."""


def is_cached(repository: str, file: str, revision: str | None = None) -> bool:
    """Whether `file` of `repository` ("owner/name") lies in the hub's cache on this disk."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, file, revision=revision), str)


def any_cached(repositories: tuple[str, ...]) -> bool:
    """Whether anything of one of the repositories lies in the cache: a quick look before heavy imports."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return any((Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").is_dir() for name in repositories)


def check_hub(what: str) -> None:
    """Say within seconds where `what` cannot be downloaded, and at once where that failed minutes ago.

    Raises:
        BackendError: no network, or the user forbade its use.
    """
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise BackendError(f"{what}: no weights on this disk, and HF_HUB_OFFLINE forbids to download them")
    if _failed_lately() or not reachable(HOST, 443):
        _remember_failure()
        raise BackendError(f"{what}: no weights on this disk, and {HOST} cannot be reached; connect once to get them")


def ask_again() -> None:
    """Forget a remembered failure: somebody wants this now, and may just have connected."""
    with suppress(OSError):
        _failure().unlink()


def _failure() -> Path:
    """An empty file whose age is that of the failure."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / ".synclips-no-network"


def _failed_lately() -> bool:
    try:
        return 0 <= time.time() - _failure().stat().st_mtime < _REMEMBERED
    except OSError:
        return False


def _remember_failure() -> None:
    if not _failed_lately():
        with suppress(OSError):
            _failure().parent.mkdir(parents=True, exist_ok=True)
            _failure().touch()


def reachable(host: str, port: int) -> bool:
    """In a thread of its own, because a name server that does not answer blocks for longer than any timeout."""
    answers: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=_PATIENCE).close()
        except OSError:
            return
        answers.append(True)

    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(_PATIENCE)
    return bool(answers)


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Whatever a download or a third-party model raises inside becomes a BackendError of one line."""
    try:
        yield
    except SyncLipsError:
        raise
    except Exception as error:
        raise BackendError(f"{what}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    chain = [link for link in (error, error.__cause__, error.__context__) if link]
    names = " ".join(kind.__name__ for link in chain for kind in type(link).__mro__)
    words = " ".join(str(link) for link in chain)
    if "No space left" in words:
        return "the disk is full; some 500 MB are needed in the Hugging Face cache (HF_HOME moves it)"
    if "GatedRepo" in names or "401" in words or "403" in words:
        return (
            "the weights are given only to those who accepted their terms on their page at https://huggingface.co "
            "and logged in with: hf auth login"
        )
    if any(
        name in names for name in ("LocalEntryNotFound", "OfflineMode", "ConnectionError", "ConnectError", "Timeout")
    ):
        return f"the weights cannot be downloaded, {HOST} does not answer; connect and run again"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
