"""Requests that the server makes to addresses which clients name: inputs by URL, and webhooks.

Only public addresses are connected to. The address is checked when the connection is made, and again for each
redirect, so a name that resolves elsewhere the second time (DNS rebinding) gains nothing.
"""

import asyncio
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from httpx_secure import SSRFProtectionError, httpx_ssrf_protection

from synclips.errors import DownloadError, InputError
from synclips.files import atomic_path

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10.0, 30.0, 900.0
MOST_REDIRECTS: Final = 5
_AGENT: Final = "synclips"


class ForbiddenAddressError(InputError):
    """The URL leads to an address that is not public, or is none that is fetched."""


def check_url(url: str) -> None:
    """Refuse what can be refused without a connection.

    Raises:
        ForbiddenAddressError: not http or https, or it holds a user's name or password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ForbiddenAddressError("the URL cannot be read; send one that begins with https://") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ForbiddenAddressError("the URL has to begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ForbiddenAddressError("the URL holds a user name or password; send one without")


def fetch(url: str, path: Path, *, most_bytes: int, allow_private: bool = False) -> int:
    """Download `url` to `path`; the number of bytes.

    Raises:
        ForbiddenAddressError: it, or where it is redirected to, is not public.
        DownloadError: it cannot be had, or is larger than `most_bytes`.
    """
    check_url(url)
    return asyncio.run(_fetch(url, path, most_bytes, allow_private))


async def _fetch(url: str, path: Path, most_bytes: int, allow_private: bool) -> int:
    shown = shown_url(url)
    size = 0
    try:
        async with (
            asyncio.timeout(TOTAL_SECONDS),
            safe_client(allow_private=allow_private) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200:
                raise DownloadError(f"{shown} answers with status {answer.status_code}; check that it can be read")
            if int(answer.headers.get("content-length") or 0) > most_bytes:
                raise DownloadError(f"{shown} is larger than {most_bytes:,} bytes; make it smaller")
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                async for chunk in answer.aiter_bytes(1 << 18):
                    size += len(chunk)
                    if size > most_bytes:
                        raise DownloadError(f"{shown} is larger than {most_bytes:,} bytes; make it smaller")
                    file.write(chunk)
    except SSRFProtectionError as error:
        raise ForbiddenAddressError(
            f"{shown} leads to an address that is not public; upload the file instead"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise DownloadError(f"{shown} cannot be read ({type(error).__name__}); check the address") from error
    return size


def safe_client(*, allow_private: bool = False, redirects: bool = True) -> httpx.AsyncClient:
    """A client that connects to public addresses only, unless `allow_private`; without proxies."""
    client = httpx.AsyncClient(
        follow_redirects=redirects,
        max_redirects=MOST_REDIRECTS,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        headers={"user-agent": _AGENT},
        trust_env=False,
    )
    return client if allow_private else httpx_ssrf_protection(client, custom_validator=_is_unicast, dns_cache_ttl=0.0)


def shown_url(url: str) -> str:
    """The URL without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def _is_unicast(_host: str, address: IPv4Address | IPv6Address, _port: int) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return not address.is_multicast and (mapped is None or mapped.is_global)
