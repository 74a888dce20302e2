"""Downloads GRID speaker by speaker, from whichever source answers; finished speakers are skipped."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from synclips.data.download import bytes_on_disk, fetch
from synclips.data.grid import CITATION, NO_VIDEO, NUM_SPEAKERS, speaker_name
from synclips.data.grid_folder import SpeakerFiles, check_free, complete, settle, unpack_alignments, unpack_videos
from synclips.data.grid_sources import Archive, Source, SourceName, sources
from synclips.data.http import Connection, FileMissingError, Patience
from synclips.errors import ConfigError, DownloadError, OutputError
from synclips.files import reason
from synclips.progress import Progress, silent

T = TypeVar("T")

NOMINAL_ARCHIVE_BYTES: Final = 450 << 20
"""What a speaker's clips are taken to weigh where a server does not say: 1000 clips of 430 kB, and some."""

_WORK: Final = ".download"
_STAGE: Final = "download"


@dataclass(frozen=True)
class DownloadReport:
    """What a download did: speakers fetched now, those there before, and those that cannot be had, with the reason."""

    output_dir: Path
    fetched: tuple[SpeakerFiles, ...]
    present: tuple[SpeakerFiles, ...]
    left_out: Mapping[str, str]

    @property
    def speakers(self) -> tuple[SpeakerFiles, ...]:
        """All speakers on the disk that were asked for."""
        return self.present + self.fetched

    def __str__(self) -> str:
        clips = sum(files.videos for files in self.speakers)
        unaligned = clips - sum(files.alignments for files in self.speakers)
        lines = [
            f"{len(self.speakers)} speakers, {clips} clips in {self.output_dir} "
            f"({len(self.fetched)} speakers fetched now, {len(self.present)} there before)"
        ]
        if unaligned:
            lines.append(f"{unaligned} clips have no alignment")
        lines += [f"left out: {speaker}, {why}" for speaker, why in self.left_out.items()]
        return "\n".join([*lines, CITATION])


def download_grid(
    output_dir: Path,
    num_speakers: int = NUM_SPEAKERS,
    *,
    source: SourceName = "auto",
    base_url: str | None = None,
    on_progress: Progress = silent,
    patience: Patience | None = None,
) -> DownloadReport:
    """Fetch speakers s1 to s<num_speakers> to `output_dir/<speaker>/<utterance>.mpg` and `.align`.

    Speakers that are complete are left alone; an interrupted run goes on where it was. `on_progress` hears bytes of
    all archives together, as stage "download". `base_url` names a mirror laid out as the source is.

    Raises:
        ConfigError: `num_speakers` is not in 1..34.
        OutputError: too little disk space, the folder cannot be written, or another download is at work in it.
        DownloadError: a speaker could not be fetched, or not from anywhere; what is complete stays.
    """
    if not 1 <= num_speakers <= NUM_SPEAKERS:
        raise ConfigError(f"--num_speakers is {num_speakers}; GRID has speakers 1 to {NUM_SPEAKERS}")
    wanted = [speaker_name(number) for number in range(1, num_speakers + 1)]
    left_out = {speaker: NO_VIDEO[speaker] for speaker in wanted if speaker in NO_VIDEO}
    wanted = [speaker for speaker in wanted if speaker not in NO_VIDEO]
    with Connection(patience) as connection:
        places = sources(connection, source, base_url)
        present = {speaker: files for speaker in wanted if (files := complete(output_dir / speaker))}
        missing = [speaker for speaker in wanted if speaker not in present]
        fetched: list[SpeakerFiles] = []
        if missing or (output_dir / _WORK).exists():
            with _workplace(output_dir) as work:
                fetched = _Download(connection, places, output_dir, work, on_progress).run(missing)
    return DownloadReport(output_dir, tuple(fetched), tuple(present.values()), left_out)


class _Download:
    """One run: the plan (who, how many bytes, which source first), then speaker after speaker."""

    def __init__(
        self, connection: Connection, places: Sequence[Source], output_dir: Path, work: Path, on_progress: Progress
    ) -> None:
        self._connection, self._places = connection, list(places)
        self._output_dir, self._work, self._on_progress = output_dir, work, on_progress
        self._bytes_before = self._bytes_after = 0

    def run(self, speakers: Sequence[str]) -> list[SpeakerFiles]:
        if not speakers:
            return []
        sizes = self._plan(speakers)
        fetched: list[SpeakerFiles] = []
        absent: dict[str, FileMissingError] = {}
        for number, speaker in enumerate(speakers):
            self._bytes_after = sum(sizes[later] for later in speakers[number + 1 :])
            try:
                fetched.append(self._speaker(speaker))
            except FileMissingError as error:
                absent[speaker] = error
        if absent:
            raise DownloadError(
                f"{len(absent)} of {len(speakers)} speakers are nowhere to be had: {', '.join(absent)} "
                f"({next(iter(absent.values()))})"
            )
        return fetched

    def _plan(self, speakers: Sequence[str]) -> dict[str, int]:
        """Bytes per speaker at the first source that answers, which is then tried first; checks the disk."""
        complaints: list[DownloadError] = []
        usual = self._connection.patience
        if len(self._places) > 1:
            self._connection.patience = replace(usual, attempts=min(2, usual.attempts))
        for place in list(self._places):
            try:
                archives = _archives(place, speakers)
            except DownloadError as error:
                complaints.append(error)
                continue
            self._connection.patience = usual
            self._places.sort(key=lambda other: other is not place)
            _check_space(self._output_dir, self._work, archives.values())
            return {
                speaker: _bytes(archives[speaker]) if speaker in archives else NOMINAL_ARCHIVE_BYTES
                for speaker in speakers
            }
        if len(complaints) == 1:
            raise complaints[0]
        raise DownloadError("no source of GRID answers: " + "; ".join(map(str, complaints))) from complaints[0]

    def _speaker(self, speaker: str) -> SpeakerFiles:
        """Clips and alignments, each from the first source that delivers; alignments may be wanting."""
        staging = self._work / speaker
        try:
            names, packed, source = self._first(lambda place: self._clips(place, speaker, staging))
            try:
                aligned = self._first(lambda place: self._alignments(place, speaker, staging, names))
            except FileMissingError:
                aligned = 0
            files = SpeakerFiles(speaker, len(names), aligned, source)
            settle(staging, self._output_dir / speaker, files)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._bytes_before += packed.stat().st_size
        packed.unlink()
        return files

    def _clips(self, place: Source, speaker: str, staging: Path) -> tuple[set[str], Path, str]:
        def on_bytes(done: int, total: int) -> None:
            here = total or max(done, NOMINAL_ARCHIVE_BYTES)
            self._on_progress(_STAGE, self._bytes_before + done, self._bytes_before + here + self._bytes_after)

        archive = place.video(speaker)
        packed = fetch(self._connection, archive.remote, self._work / archive.name, on_bytes)
        return unpack_videos(packed, staging), packed, place.name

    def _alignments(self, place: Source, speaker: str, staging: Path, names: set[str]) -> int:
        archive = place.alignments(speaker)
        packed = fetch(self._connection, archive.remote, self._work / archive.name)
        return unpack_alignments(packed, staging, names)

    def _first(self, ask: Callable[[Source], T]) -> T:
        """The answer of the first source that delivers; FileMissingError only where none of them has the file."""
        complaints: list[DownloadError] = []
        for place in self._places:
            try:
                return ask(place)
            except DownloadError as error:
                complaints.append(error)
        raise next((error for error in complaints if not isinstance(error, FileMissingError)), complaints[0])


def _archives(place: Source, speakers: Sequence[str]) -> dict[str, Archive]:
    """The archives that `place` has of `speakers`: perhaps not all, but one at least."""
    archives: dict[str, Archive] = {}
    missing: FileMissingError | None = None
    for speaker in speakers:
        try:
            archives[speaker] = place.video(speaker)
        except FileMissingError as error:
            missing = error
    if missing is not None and not archives:
        raise missing
    return archives


@contextmanager
def _workplace(output_dir: Path) -> Iterator[Path]:
    """The folder for archives on their way, locked against a second download; gone afterwards if all went well."""
    from filelock import FileLock, Timeout

    work = output_dir / _WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / "lock", timeout=0):
            yield work
    except Timeout:
        raise OutputError(
            f"another download is at work in {output_dir}; wait for it or choose another folder"
        ) from None
    except OSError as error:
        raise OutputError(f"{output_dir} cannot be written ({reason(error)}); choose another folder") from error
    shutil.rmtree(work, ignore_errors=True)


def _bytes(archive: Archive) -> int:
    return NOMINAL_ARCHIVE_BYTES if archive.remote.size is None else archive.remote.size


def _check_space(output_dir: Path, work: Path, archives: Collection[Archive]) -> None:
    """Room for every speaker unpacked (video hardly packs: as large as its archive) and for the largest archive."""
    sizes = [_bytes(archive) for archive in archives]
    there = sum(bytes_on_disk(work / archive.name) for archive in archives)
    check_free(output_dir, sum(sizes) + max(sizes) - there)
