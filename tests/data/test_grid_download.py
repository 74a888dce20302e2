"""The whole download, from servers laid out as Sheffield's and Zenodo's are, with what goes wrong there."""

import io
import json
import random
import shutil
import tarfile
import time
import zipfile
from collections.abc import Mapping
from hashlib import md5
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock
from unreliable_server import Fault, UnreliableServer

from synclips.data import demo_clip, grid_sources
from synclips.data.demo_clip import DEMO_SPEAKER, DEMO_UTTERANCE, fetch_demo_clip
from synclips.data.grid import find_utterances, parse_alignment
from synclips.data.grid_download import DownloadReport, download_grid
from synclips.data.grid_sources import SourceName
from synclips.data.http import Patience
from synclips.errors import ConfigError, DownloadError, OutputError

QUICK = Patience(attempts=2, first_pause=0.001, longest_pause=0.01, connect=2.0, read=2.0)
RECORD = "/api/records/3625687"
NAMES = {
    "s1": ["bbaf2n", "bbaf3s", "swwx1p"],
    "s2": ["lgbkzs", "priv9a"],
    "s3": ["lbbc2a"],
    DEMO_SPEAKER: [DEMO_UTTERANCE, "bbac1s"],
}


def clip(name: str) -> bytes:
    return random.Random(name).randbytes(20_000)


def alignment(name: str) -> bytes:
    return f"0 17750 sil\n17750 {20_000 + sum(name.encode())} bin\n".encode()


def zip_of(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tar_of(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def videos_of(speaker: str) -> bytes:
    junk = {f"{speaker}/Thumbs.db": b"junk", f"__MACOSX/{speaker}/._bbaf2n.mpg": b"junk"}
    return zip_of({f"{speaker}/{name}.mpg": clip(name) for name in NAMES[speaker]} | junk)


@pytest.fixture
def sheffield(server: UnreliableServer) -> UnreliableServer:
    for speaker, names in NAMES.items():
        server.files[f"/{speaker}/video/{speaker}.mpg_vcd.zip"] = videos_of(speaker)
        server.files[f"/{speaker}/align/{speaker}.tar"] = tar_of({f"align/{n}.align": alignment(n) for n in names})
    return server


@pytest.fixture
def zenodo(server: UnreliableServer) -> UnreliableServer:
    """With s1's and s2's folders swapped in alignments.zip, as some are in the real one."""
    swapped = {"s1": "s2", "s2": "s1"}
    files = {f"{speaker}.zip": videos_of(speaker) for speaker in NAMES}
    files["alignments.zip"] = zip_of(
        {
            f"alignments/{swapped.get(speaker, speaker)}/{name}.align": alignment(name)
            for speaker, names in NAMES.items()
            for name in names
        }
    )
    entries = []
    for key, content in files.items():
        path = f"{RECORD}/files/{key}/content"
        server.files[path] = content
        links = {"self": f"https://zenodo.org{path}"}
        checksum = f"md5:{md5(content).hexdigest()}"
        entries.append({"key": key, "size": len(content), "checksum": checksum, "links": links})
    server.files[RECORD] = json.dumps({"id": 3625687, "files": entries}).encode()
    return server


def download(server: UnreliableServer, root: Path, source: SourceName, speakers: int = 3, **how: Any) -> DownloadReport:
    return download_grid(root, speakers, source=source, base_url=server.url, patience=QUICK, **how)


def assert_complete(root: Path, *speakers: str) -> None:
    found = find_utterances(root)
    assert [(u.speaker, u.name) for u in found] == [(s, name) for s in speakers for name in NAMES[s]]
    for utterance in found:
        assert utterance.video.read_bytes() == clip(utterance.name)
        assert utterance.alignment is not None
        assert utterance.alignment.read_bytes() == alignment(utterance.name)
        assert parse_alignment(utterance.alignment)
    assert sorted(path.name for path in root.iterdir()) == sorted(
        speakers
    )  # no archive, no lock, nothing unpacked aside


@pytest.mark.parametrize("source", ["sheffield", "zenodo"])
def test_both_sources_leave_the_same_and_a_second_run_asks_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, source: SourceName
) -> None:
    server: UnreliableServer = request.getfixturevalue(source)
    heard: list[tuple[str, int, int]] = []
    report = download(server, tmp_path / "raw", source, on_progress=lambda *what: heard.append(what))
    assert_complete(tmp_path / "raw", "s1", "s2", "s3")
    assert [(f.speaker, f.videos, f.alignments, f.source) for f in report.fetched] == [
        ("s1", 3, 3, source),
        ("s2", 2, 2, source),
        ("s3", 1, 1, source),
    ]
    total = sum(len(videos_of(speaker)) for speaker in ("s1", "s2", "s3"))
    assert {what[0] for what in heard} == {"download"}
    assert {what[2] for what in heard} == {total}
    assert [what[1] for what in heard] == sorted(what[1] for what in heard)
    assert heard[-1][1] == total
    asked = len(server.requests)
    again = download(server, tmp_path / "raw", source)
    assert len(server.requests) == asked
    assert (again.fetched, again.present) == ((), report.fetched)
    assert "3 speakers, 6 clips" in str(again)
    assert "CC BY 4.0" in str(again)


def test_archives_left_by_a_kill_are_cleared_away(sheffield: UnreliableServer, tmp_path: Path) -> None:
    download(sheffield, tmp_path, "sheffield")
    (tmp_path / ".download").mkdir()
    (tmp_path / ".download" / "s3.mpg_vcd.zip").write_bytes(b"left over")
    asked = len(sheffield.requests)
    download(sheffield, tmp_path, "sheffield")
    assert len(sheffield.requests) == asked
    assert_complete(tmp_path, "s1", "s2", "s3")


def test_alignments_of_everybody_are_fetched_once(zenodo: UnreliableServer, tmp_path: Path) -> None:
    download(zenodo, tmp_path, "zenodo")
    assert len(zenodo.asked(f"{RECORD}/files/alignments.zip/content")) == 1


def test_mirror_that_is_a_plain_folder_of_archives(zenodo: UnreliableServer, tmp_path: Path) -> None:
    files = {f"/{path.split('/')[-2]}": content for path, content in zenodo.files.items() if path.endswith("/content")}
    zenodo.files = files
    download(zenodo, tmp_path, "auto")
    assert_complete(tmp_path, "s1", "s2", "s3")


def test_speaker_21_is_left_out_with_the_reason(server: UnreliableServer, tmp_path: Path) -> None:
    for number in range(1, 35):
        if number != 21:
            one = zip_of({f"s{number}/bbaf2n.mpg": b"clip"})
            server.files[f"/s{number}/video/s{number}.mpg_vcd.zip"] = one
            server.files[f"/s{number}/align/s{number}.tar"] = tar_of({"align/bbaf2n.align": b"0 1 sil\n"})
    report = download(server, tmp_path, "sheffield", speakers=34)
    assert len(report.fetched) == 33
    assert "33 speakers" in str(report)
    assert "left out: s21, its video was never published" in str(report)
    assert not [request for request in server.requests if "s21" in request.path]


def test_more_speakers_later_and_lost_files_again(sheffield: UnreliableServer, tmp_path: Path) -> None:
    download(sheffield, tmp_path, "sheffield", speakers=1)
    (tmp_path / "s1" / "bbaf2n.mpg").unlink()
    (tmp_path / "s1" / "notes.txt").write_text("mine")
    report = download(sheffield, tmp_path, "sheffield", speakers=2)
    assert [files.speaker for files in report.fetched] == ["s1", "s2"]
    assert (tmp_path / "s1" / "notes.txt").exists()
    assert_complete(tmp_path, "s1", "s2")


def test_interrupted_run_goes_on(sheffield: UnreliableServer, tmp_path: Path) -> None:
    first = len(videos_of("s1"))

    def on_progress(_: str, done: int, __: int) -> None:
        if done > first:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(sheffield, tmp_path, "sheffield", on_progress=on_progress)
    assert [u.speaker for u in find_utterances(tmp_path)] == ["s1", "s1", "s1"]
    report = download(sheffield, tmp_path, "sheffield")
    assert [files.speaker for files in report.present] == ["s1"]
    assert_complete(tmp_path, "s1", "s2", "s3")
    assert len([r for r in sheffield.asked("/s1/video/s1.mpg_vcd.zip") if r.range is None]) == 1


def test_interrupted_while_unpacking_leaves_no_half_speaker(
    sheffield: UnreliableServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_bytes(path: Path, data: bytes) -> int:
        if path.name == "bbaf3s.mpg":
            raise KeyboardInterrupt
        with path.open("wb") as file:
            return file.write(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(KeyboardInterrupt):
            download(sheffield, tmp_path, "sheffield", speakers=1)
    assert [path.name for path in tmp_path.iterdir()] == [".download"]
    fetched = len(sheffield.asked("/s1/video/s1.mpg_vcd.zip"))
    download(sheffield, tmp_path, "sheffield", speakers=1)
    assert_complete(tmp_path, "s1")
    assert len(sheffield.asked("/s1/video/s1.mpg_vcd.zip")) == fetched + 2  # its size, asked twice: not the clips


def test_bad_line_and_busy_server(zenodo: UnreliableServer, tmp_path: Path) -> None:
    zenodo.faults[RECORD].append(Fault(status=503, headers=(("Retry-After", "0"),)))
    zenodo.faults[f"{RECORD}/files/s1.zip/content"].extend([Fault(close_after=30_000), Fault(status=502)])
    zenodo.faults[f"{RECORD}/files/alignments.zip/content"].append(Fault(break_after=100))
    download(zenodo, tmp_path, "zenodo")
    assert_complete(tmp_path, "s1", "s2", "s3")


def test_wrong_checksum_is_final_at_one_source_and_cured_by_the_other(
    sheffield: UnreliableServer, zenodo: UnreliableServer, tmp_path: Path
) -> None:
    path = f"{RECORD}/files/s1.zip/content"
    zenodo.files[path] = zenodo.files[path][:-1] + b"?"
    with pytest.raises(DownloadError, match=r"s1\.zip.*checksum"):
        download(zenodo, tmp_path / "one", "zenodo")
    assert not (tmp_path / "one" / "s1").exists()
    report = download(sheffield, tmp_path / "both", "auto")
    assert [files.source for files in report.fetched] == ["sheffield", "zenodo", "zenodo"]
    assert_complete(tmp_path / "both", "s1", "s2", "s3")


def test_source_that_is_down_gives_way_to_the_other(sheffield: UnreliableServer, tmp_path: Path) -> None:
    sheffield.faults[RECORD].extend([Fault(status=503)] * 50)
    report = download(sheffield, tmp_path, "auto")
    assert {files.source for files in report.fetched} == {"sheffield"}


def test_archive_not_to_be_trusted_is_thrown_away(sheffield: UnreliableServer, tmp_path: Path) -> None:
    path = "/s1/video/s1.mpg_vcd.zip"
    for bad in (
        zip_of({"../../bbaf2n.mpg": b"x"}),
        zip_of({"s1/bbaf2n/01.jpg": b"x"}),
        b"<html>",
        videos_of("s1")[:-99],
    ):
        sheffield.files[path] = bad
        with pytest.raises(DownloadError, match=r"s1\.mpg_vcd\.zip"):
            download(sheffield, tmp_path / "raw", "sheffield")
        assert [file.name for file in (tmp_path / "raw").rglob("*") if file.name != "lock"] == [".download"]
    assert [file.name for file in tmp_path.iterdir()] == ["raw"]
    sheffield.files[path] = videos_of("s1")
    download(sheffield, tmp_path / "raw", "sheffield")
    assert_complete(tmp_path / "raw", "s1", "s2", "s3")


def test_speaker_that_is_nowhere_does_not_hold_up_the_others(sheffield: UnreliableServer, tmp_path: Path) -> None:
    del sheffield.files["/s2/video/s2.mpg_vcd.zip"]
    with pytest.raises(DownloadError, match="1 of 3 speakers are nowhere to be had: s2 "):
        download(sheffield, tmp_path, "sheffield")
    assert {u.speaker for u in find_utterances(tmp_path)} == {"s1", "s3"}


def test_clips_without_alignments_are_told(sheffield: UnreliableServer, tmp_path: Path) -> None:
    del sheffield.files["/s2/align/s2.tar"]
    report = download(sheffield, tmp_path, "sheffield")
    assert "2 clips have no alignment" in str(report)
    assert [u.alignment for u in find_utterances(tmp_path) if u.speaker == "s2"] == [None, None]


def test_record_that_is_no_record(zenodo: UnreliableServer, tmp_path: Path) -> None:
    for text in (b"<html>", b"[]", b'{"files": [{"key": "s1.zip"}]}', b'{"files": 3}'):
        zenodo.files[RECORD] = text
        with pytest.raises(DownloadError, match="not the record"):
            download(zenodo, tmp_path, "zenodo")


def test_disk_space_is_checked_first(
    sheffield: UnreliableServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(300_000_000))
    download(sheffield, tmp_path / "small", "sheffield")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(200_000_000))
    with pytest.raises(OutputError, match=r"0\.2 GB free and 0\.3 GB are needed"):
        download(sheffield, tmp_path / "large", "sheffield")
    assert not [r for r in sheffield.requests[-3:] if r.range is None]


def test_wrong_number_of_speakers_and_no_room_to_work(sheffield: UnreliableServer, tmp_path: Path) -> None:
    for number in (0, 35):
        with pytest.raises(ConfigError, match="1 to 34"):
            download(sheffield, tmp_path, "sheffield", speakers=number)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        download(sheffield, tmp_path / "file", "sheffield")
    (tmp_path / "raw" / ".download").mkdir(parents=True)
    with FileLock(tmp_path / "raw" / ".download" / "lock"), pytest.raises(OutputError, match="another download"):
        download(sheffield, tmp_path / "raw", "sheffield")
    assert not sheffield.requests


# The demo clip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["sheffield", "zenodo", "auto"])
def test_demo_clip_is_cut_out_of_the_archive_and_kept(
    sheffield: UnreliableServer, zenodo: UnreliableServer, tmp_path: Path, source: SourceName
) -> None:
    assert sheffield is zenodo
    path = fetch_demo_clip(tmp_path / "cache", source=source, base_url=zenodo.url)
    assert path.read_bytes() == clip(DEMO_UTTERANCE)
    assert path.suffix == ".mpg"
    zenodo.close()
    assert fetch_demo_clip(tmp_path / "cache", source=source, base_url=zenodo.url) == path


def test_demo_clip_comes_from_whom_it_can(sheffield: UnreliableServer, tmp_path: Path) -> None:
    """What answers as Zenodo is a folder of archives whose zip is broken."""
    sheffield.files[f"/{DEMO_SPEAKER}.zip"] = b"<html>"
    assert fetch_demo_clip(tmp_path, base_url=sheffield.url).read_bytes() == clip(DEMO_UTTERANCE)


def test_no_demo_clip_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_sources, "SHEFFIELD_URL", "http://127.0.0.1:9/gridcorpus")
    monkeypatch.setattr(grid_sources, "ZENODO_URL", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="could not be fetched in 1 attempt"):
        fetch_demo_clip(tmp_path)
    assert not list(tmp_path.iterdir())


def test_name_that_does_not_resolve_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def video(self, _: str) -> None:
            time.sleep(1.0)
            raise DownloadError("no such name")

    monkeypatch.setattr(demo_clip, "sources", lambda *_: [Slow()])
    began = time.monotonic()
    with pytest.raises(DownloadError, match="no source of GRID answers within 0"):
        fetch_demo_clip(tmp_path, seconds=0.1)
    assert time.monotonic() - began < 0.9
