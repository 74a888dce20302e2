"""Transfers against a real server on loopback that breaks off, cuts short, refuses, lies and changes its mind."""

import io
import os
import random
import socket
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import md5
from pathlib import Path

import pytest
from unreliable_server import Fault, UnreliableServer

from synclips.data.archive import Limits, opened
from synclips.data.demo_clip import read_member
from synclips.data.download import RemoteFile, fetch
from synclips.data.http import Connection, FileMissingError, Patience
from synclips.errors import DownloadError, OutputError

QUICK = Patience(attempts=3, first_pause=0.001, longest_pause=0.01, connect=2.0, read=2.0)
CONTENT = random.Random(1).randbytes(3_000_000)
CHANGED = random.Random(2).randbytes(2_500_000)
PATH = "/s1.zip"


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection(QUICK) as connection:
        yield connection


@pytest.fixture
def remote(server: UnreliableServer) -> RemoteFile:
    server.files[PATH] = CONTENT
    return RemoteFile(server.url + PATH)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(connection: Connection, remote: RemoteFile, target: Path, after: int) -> int:
    """Begin a transfer and press Ctrl-C when `after` bytes are there; returns the size of what is left."""

    def on_bytes(done: int, _: int) -> None:
        if done > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(connection, remote, target, on_bytes)
    assert not target.exists()
    return target.with_name(target.name + ".part").stat().st_size


def test_whole_file_arrives_once(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []
    target = fetch(connection, remote, tmp_path / "in" / "s1.zip", lambda done, total: heard.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert names_in(target.parent) == ["s1.zip"]
    assert heard == sorted(heard)
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    fetch(connection, remote, target)
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [Fault(break_after=1_000_000), Fault(close_after=1_000_000)])
def test_broken_transfer_goes_on_where_it_broke(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path, fault: Fault
) -> None:
    server.faults[PATH].extend([fault, fault])
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT
    assert len(server.requests) == 3
    if fault.break_after:  # a reset may take what was under way with it: how far the client had come is its secret
        return
    assert [request.status for request in server.requests] == [200, 206, 206]
    assert server.requests[1].range is not None
    assert int(server.requests[1].range.strip("bytes=-")) > 0
    assert server.requests[1].if_range == f'"{md5(CONTENT).hexdigest()}"'


def test_line_that_breaks_more_often_than_patience_lasts_still_gets_there(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    server.faults[PATH].extend([Fault(close_after=300_000)] * 9)
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT
    assert len(server.requests) == 10 > QUICK.attempts


def test_interrupted_run_goes_on(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    there = interrupted(connection, remote, tmp_path / "s1.zip", after=1_000_000)
    assert 1_000_000 < there < len(CONTENT)
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT
    assert server.requests[-1].range == f"bytes={there}-"
    assert names_in(tmp_path) == ["s1.zip"]


@pytest.mark.parametrize(("etags", "heeds_if_range"), [(True, True), (True, False), (False, False)])
def test_file_that_changed_meanwhile_is_begun_again(
    server: UnreliableServer,
    connection: Connection,
    remote: RemoteFile,
    tmp_path: Path,
    etags: bool,
    heeds_if_range: bool,
) -> None:
    """In the last case only the size gives the change away."""
    server.etags, server.heeds_if_range = etags, heeds_if_range
    interrupted(connection, remote, tmp_path / "s1.zip", after=1_000_000)
    server.files[PATH] = CHANGED
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CHANGED


def test_date_stands_in_for_a_missing_etag(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    server.etags = False
    interrupted(connection, remote, tmp_path / "s1.zip", after=1_000_000)
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT
    assert (server.requests[-1].status, server.requests[-1].if_range) == (206, "Sun, 09 Sep 2001 01:46:40 GMT")


def test_piece_of_another_address_is_not_gone_on_with(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    server.etags = False  # size and date are the same: only the address differs
    interrupted(connection, remote, tmp_path / "s1.zip", after=1_000_000)
    server.files["/mirror.zip"] = CONTENT[::-1]
    assert fetch(connection, RemoteFile(server.url + "/mirror.zip"), tmp_path / "s1.zip").read_bytes() == CONTENT[::-1]


def test_piece_larger_than_the_file_is_thrown_away(connection: Connection, remote: RemoteFile, tmp_path: Path) -> None:
    interrupted(connection, remote, tmp_path / "s1.zip", after=1_000_000)
    with (tmp_path / "s1.zip.part").open("ab") as part:
        part.write(CONTENT)
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT


def test_server_that_ignores_range(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    server.ranges = False
    server.faults[PATH].append(Fault(close_after=1_000_000))
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 200]


def test_busy_server_is_waited_for_as_it_asks(
    server: UnreliableServer, remote: RemoteFile, tmp_path: Path, pauses: list[float]
) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.faults[PATH].extend(
        [
            Fault(status=503, headers=(("Retry-After", "7"),)),
            Fault(status=429, headers=(("Retry-After", soon),)),
            Fault(status=503, headers=(("Retry-After", "86400"),)),
            Fault(status=500, headers=(("Retry-After", "whenever"),)),
        ]
    )
    with Connection(Patience(attempts=5, first_pause=0.1, longest_pause=60.0)) as connection:
        assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT
    assert pauses[0] == 7
    assert pauses[1] == pytest.approx(30, abs=3)
    assert pauses[2] == 60
    assert 0.4 <= pauses[3] <= 0.8


def test_back_off_doubles_with_jitter_and_is_bounded() -> None:
    patience = Patience(first_pause=1.0, longest_pause=20.0)
    for failures, longest in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 20)]:
        tried = {patience.pause(failures) for _ in range(20)}
        assert all(min(longest, 20) / 2 <= pause <= longest for pause in tried)
    assert len({patience.pause(2) for _ in range(20)}) > 1


def test_patience_ends(server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path) -> None:
    server.faults[PATH].extend([Fault(status=503)] * 10)
    with pytest.raises(DownloadError, match=r"in 3 attempts \(the server answers 503.*run again"):
        fetch(connection, remote, tmp_path / "s1.zip")
    assert len(server.requests) == 3


@pytest.mark.parametrize(("status", "kind"), [(404, FileMissingError), (410, FileMissingError), (403, DownloadError)])
def test_refusal_is_not_tried_again(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path, status: int, kind: type
) -> None:
    server.faults[PATH].append(Fault(status=status))
    with pytest.raises(kind, match=str(status)):
        fetch(connection, remote, tmp_path / "s1.zip")
    assert len(server.requests) == 1


def test_right_checksum_passes_and_a_wrong_one_leaves_nothing(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    right = md5(CONTENT).hexdigest()
    assert fetch(connection, RemoteFile(remote.url, len(CONTENT), right.upper()), tmp_path / "right").exists()
    with pytest.raises(DownloadError, match="checksum"):
        fetch(connection, RemoteFile(remote.url, len(CONTENT), "0" * 32), tmp_path / "wrong")
    assert len(server.requests) == 3
    assert names_in(tmp_path) == ["right"]


def test_piece_that_was_spoilt_on_the_disk_is_cured_by_the_checksum(
    connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    remote = RemoteFile(remote.url, len(CONTENT), md5(CONTENT).hexdigest())
    interrupted(connection, remote, tmp_path / "s1.zip", after=1_000_000)
    with (tmp_path / "s1.zip.part").open("r+b") as part:
        part.write(b"spoilt")
    assert fetch(connection, remote, tmp_path / "s1.zip").read_bytes() == CONTENT


def test_size_other_than_promised(connection: Connection, remote: RemoteFile, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="has 3000000 bytes where its source promises 12"):
        fetch(connection, RemoteFile(remote.url, 12), tmp_path / "s1.zip")
    assert not (tmp_path / "s1.zip").exists()


def test_length_that_the_server_does_not_tell_is_taken_from_the_source(
    server: UnreliableServer, connection: Connection, remote: RemoteFile, tmp_path: Path
) -> None:
    server.faults[PATH].append(Fault(length_untold=True, close_after=1_000_000))
    assert fetch(connection, RemoteFile(remote.url, len(CONTENT)), tmp_path / "s1.zip").read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206]
    server.faults[PATH].extend([Fault(length_untold=True)] * 3)
    with pytest.raises(DownloadError, match="more than the 12 bytes it promised"):
        fetch(connection, RemoteFile(remote.url, 12), tmp_path / "short.zip")
    assert names_in(tmp_path) == ["s1.zip"]


def test_no_server_and_no_address(server: UnreliableServer, connection: Connection, tmp_path: Path) -> None:
    server.close()
    began = time.monotonic()
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch(connection, RemoteFile(server.url + PATH), tmp_path / "s1.zip")
    with pytest.raises(DownloadError, match="not a web address"):
        fetch(connection, RemoteFile("data/raw"), tmp_path / "s1.zip")
    assert time.monotonic() - began < 2


def test_server_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        patience = Patience(attempts=1, connect=0.2, read=0.2)
        with Connection(patience) as connection, pytest.raises(DownloadError, match="no answer in time"):
            fetch(connection, RemoteFile(f"http://127.0.0.1:{deaf.getsockname()[1]}{PATH}"), tmp_path / "s1.zip")


def test_folder_that_cannot_be_written(connection: Connection, remote: RemoteFile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another folder"):
        fetch(connection, remote, tmp_path / "file" / "s1.zip")


# Archives ------------------------------------------------------------------------------------------------------------


def is_wanted(name: str) -> bool:
    return name.endswith(".mpg")


def contents_of(archive: Path, limits: Limits | None = None) -> dict[str, list[tuple[str, bytes]]]:
    with opened(archive, is_wanted, limits) as members:
        return {name: [(member.folder, member.read()) for member in there] for name, there in members.items()}


def zip_of(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def tar_of(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def symlink_in_zip() -> bytes:
    info = zipfile.ZipInfo("s1/bbaf2n.mpg")
    info.external_attr = 0o120777 << 16
    return zip_of((info, b"/etc/passwd"))


def link_in_tar(kind: bytes) -> bytes:
    info = tarfile.TarInfo("s1/bbaf2n.mpg")
    info.type, info.linkname = kind, "/etc/passwd"
    return tar_of((info, b""))


def lying(announced: int) -> bytes:
    """A zip whose member unpacks to another size than its directory announces."""
    packed = zip_of(("bbaf2n.mpg", b"0123456789" * 10 + CONTENT[:4_900]))
    return packed.replace((5_000).to_bytes(4, "little"), announced.to_bytes(4, "little"))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: zip_of(("../../bbaf2n.mpg", b"x")), "leads out of its folder"),
        (lambda: zip_of(("/etc/bbaf2n.mpg", b"x")), "leads out of its folder"),
        (lambda: zip_of(("s1/..\\..\\bbaf2n.mpg", b"x")), "leads out of its folder"),
        (lambda: tar_of((tarfile.TarInfo("../bbaf2n.mpg"), b"x")), "leads out of its folder"),
        (symlink_in_zip, "a link or a device"),
        (lambda: link_in_tar(tarfile.SYMTYPE), "a link or a device"),
        (lambda: link_in_tar(tarfile.LNKTYPE), "a link or a device"),
        (lambda: link_in_tar(tarfile.FIFOTYPE), "a link or a device"),
        (lambda: zip_of(("bbaf2n.mpg", b"\0" * 900_000)), "times its size"),
        (lambda: zip_of(("readme.txt", b"\0" * 2_000_000)), "unpacks to 2000000 bytes"),
        (lambda: tar_of((tarfile.TarInfo("a.mpg"), b"\0" * 2_000_000), mode="w:gz"), "unpacks to 2000000 bytes"),
        (lambda: zip_of(*((f"{i}.txt", os.urandom(900_000)) for i in range(4))), "more than 3000000 bytes"),
        (lambda: zip_of(*((f"{i}.txt", b"") for i in range(30))), "more than 20 files"),
        (lambda: b"<html>Log in to the hotel's network", "no archive at all"),
        (lambda: zip_of(("bbaf2n.mpg", CONTENT[:50_000]))[:40_000], "no archive at all"),
        (lambda: lying(1_000), "damaged"),
        (lambda: lying(6_000), "not of the size"),
    ],
)
def test_archive_not_to_be_trusted(tmp_path: Path, make: Callable[[], bytes], complaint: str) -> None:
    (tmp_path / "s1.zip").write_bytes(make())
    limits = Limits(members=20, member_bytes=1_000_000, total_bytes=3_000_000)
    with pytest.raises(DownloadError, match=complaint):
        contents_of(tmp_path / "s1.zip", limits)
    assert names_in(tmp_path) == ["s1.zip"]


def test_flipped_bit_is_noticed(tmp_path: Path) -> None:
    packed = bytearray(zip_of(("s1/bbaf2n.mpg", CONTENT[:50_000]), compression=zipfile.ZIP_STORED))
    packed[20_000] ^= 1
    (tmp_path / "s1.zip").write_bytes(packed)
    with pytest.raises(DownloadError, match="CRC"):
        contents_of(tmp_path / "s1.zip")


def test_only_what_is_wanted_is_seen(tmp_path: Path) -> None:
    (tmp_path / "s1.zip").write_bytes(
        zip_of(("s1/bbaf2n.mpg", b"clip"), ("s2/bbaf2n.mpg", b"other"), ("s1/", b""), ("s1/../../readme.txt", b"x"))
    )
    assert contents_of(tmp_path / "s1.zip") == {"bbaf2n.mpg": [("s1", b"clip"), ("s2", b"other")]}


# One member over Range -----------------------------------------------------------------------------------------------


def first_clip(names: object) -> str | None:
    assert isinstance(names, list)
    return next((name for name in names if name.endswith("bbaf2n.mpg")), None)


@pytest.mark.parametrize("zip64", [False, True])
def test_one_member_costs_little(
    server: UnreliableServer, connection: Connection, monkeypatch: pytest.MonkeyPatch, zip64: bool
) -> None:
    if zip64:
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    others = [(f"s1/{i:04}.mpg", random.Random(i).randbytes(20_000)) for i in range(1000)]
    clip = random.Random("clip").randbytes(430_000)
    server.files[PATH] = zip_of(*others[:500], ("s1/bbaf2n.mpg", clip), *others[500:])
    assert (b"PK\x06\x06" in server.files[PATH]) == zip64
    assert read_member(connection, server.url + PATH, first_clip) == clip
    assert len(server.requests) == 3
    spans = [[int(n) for n in (request.range or "").removeprefix("bytes=").split("-")] for request in server.requests]
    assert sum(last - first + 1 for first, last in spans) < 700_000 < len(server.files[PATH]) / 20


def test_member_of_a_small_zip_over_a_bad_line(server: UnreliableServer, connection: Connection) -> None:
    server.files[PATH] = zip_of(("bbaf2n.mpg", b"clip"))
    server.faults[PATH].extend([Fault(status=503), Fault(), Fault(break_after=10)])
    assert read_member(connection, server.url + PATH, first_clip) == b"clip"


def test_member_that_cannot_be_had(server: UnreliableServer, connection: Connection) -> None:
    url = server.url + PATH
    server.files[PATH] = zip_of(("s1/lbbc2a.mpg", b"clip"))
    with pytest.raises(DownloadError, match="does not hold the clip"):
        read_member(connection, url, first_clip)
    packed = bytearray(zip_of(("bbaf2n.mpg", CONTENT[:50_000]), compression=zipfile.ZIP_STORED))
    packed[20_000] ^= 1
    server.files[PATH] = bytes(packed)
    with pytest.raises(DownloadError, match="damaged zip"):
        read_member(connection, url, first_clip)
    server.files[PATH] = b"<html>no zip"
    with pytest.raises(DownloadError, match="damaged zip"):
        read_member(connection, url, first_clip)
    server.files[PATH] = zip_of(("bbaf2n.mpg", b"\0" * (20 << 20)))
    with pytest.raises(DownloadError, match="too many for a clip"):
        read_member(connection, url, first_clip)
    server.files[PATH], server.ranges = zip_of(("bbaf2n.mpg", CONTENT)), False
    with pytest.raises(DownloadError, match="ignores Range"):
        read_member(connection, url, first_clip)
