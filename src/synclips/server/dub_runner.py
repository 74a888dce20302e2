"""The work of jobs, done by the Python API: a dub, the list of a video's faces, a spoken line."""

import csv
import json
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from synclips.dubbing.face_listing import faces
from synclips.dubbing.options import DubOptions
from synclips.dubbing.pipeline import dub
from synclips.dubbing.prepared_video import PreparedVideo, prepare
from synclips.dubbing.report import DubReport
from synclips.errors import InputError, SyncLipsError
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.media.frame_index import build_index
from synclips.media.timebase import SAMPLE_RATE
from synclips.provenance.verify import judge
from synclips.server.database import Database
from synclips.server.dialogue_runner import run_edit, run_preview, run_transcription
from synclips.server.fetch import ForbiddenAddressError, fetch
from synclips.server.live_preview import LivePreview
from synclips.server.media_check import MediaFacts, MediaLimits, check_media
from synclips.server.requests import (
    ActiveSpeaker,
    AudioInput,
    CreateGeneration,
    CreateTts,
    Extra,
    ImageInput,
    Located,
    TextInput,
    VideoInput,
)
from synclips.server.settings import ServerSettings
from synclips.server.storage import RESULT, Storage
from synclips.server.sync_measure import measured_sync
from synclips.server.tables import Asset, Job
from synclips.server.waveform_peaks import peaks_of
from synclips.server.worker import JobFailed, Task
from synclips.speech.reference_voice import analyse_reference
from synclips.speech.synthesis import speak
from synclips.speech.tts.engines import list_voices

KEPT_VIDEOS: Final = 2
"""Prepared videos that a worker keeps for a further line."""
KEPT_SECONDS: Final = 60.0
"""Length of a video that is prepared as a whole; of a longer one only as much is looked at as a line needs."""
REFERENCE_SECONDS: Final = 60.0
"""How much of a video its voice is taken from, for a line that is only heard."""
VOICE: Final = "voice.wav"
VOICE_SECONDS: Final = 300.0
"""How much of a recording is looked through for the speech of a voice that is kept."""


class DubRunner:
    """A `Runner`; keeps the last prepared videos, so that another line on the same video begins at once."""

    def __init__(self, settings: ServerSettings, database: Database, storage: Storage) -> None:
        self._settings, self._database, self._storage = settings, database, storage
        self._limits = MediaLimits.of(settings)
        self._prepared: OrderedDict[Path, PreparedVideo] = OrderedDict()

    def __call__(self, task: Task) -> dict[str, Any]:
        """Do the job.

        Raises:
            SyncLipsError: it cannot be done.
        """
        if task.job.kind == "faces":
            return self._list_faces(task)
        if task.job.kind == "transcribe":
            return run_transcription(task, self._source, self._settings.device)
        if task.job.kind == "dialogue":
            return run_preview(task, self._source, self._base())
        if task.job.kind == "voice":
            return self._keep_voice(task)
        return self._speak(task) if task.job.kind == "tts" else self._dub(task)

    def _dub(self, task: Task) -> dict[str, Any]:
        request = CreateGeneration.model_validate(task.job.request)
        seen = request.picture
        if seen is not None and request.dialogue_edit is not None:
            video, facts = self._file(task, seen, "video", 0)
            options = self._options(request, video, facts)
            output, shown = run_edit(task, video, task.job.request["dialogueEdit"], options)
            return self._stored(task, output, shown)
        if seen is None or not request.spoken:
            raise JobFailed("generation_input_validation_failed", "a video and something to be said are needed")
        video, facts = self._file(task, seen, "video", 0)
        options = self._options(request, video, facts)
        output = task.folder / RESULT
        said: dict[str, Any]
        if request.segments:
            said = self._scene(task, request, video, facts)
            texts = [item for item in request.spoken if isinstance(item, TextInput)]
            options = self._in_voice(options, task.job.owner, texts)
        elif isinstance(item := request.spoken[0], TextInput):
            said = {"text": item.provider.script}
            options = self._in_voice(options, task.job.owner, [item])
        else:
            said = {"audio": self._file(task, item, "audio", 1)[0]}
        preview = LivePreview(task.results)
        with self._video(video, facts, options, task) as prepared, preview:
            result = dub(
                prepared, output, options=options, overwrite=True, on_progress=task.on_progress,
                on_picture=preview.picture, on_sound=preview.sound, **said,
            )  # fmt: skip
        return self._finished(task, output, result.report)

    def _finished(self, task: Task, output: Path, report: DubReport) -> dict[str, Any]:
        """Put the result and what belongs to it into the results' folder."""
        shown = report.as_dict()
        for name in ("video", "output", "audio", "script", "compare"):
            shown.pop(name)
        for name in ("checkpoint", "voice_reference", "certificate", "private_key"):
            shown["options"].pop(name, None)
        shown["notes"] = list(report.all_notes)
        return self._stored(task, output, shown)

    def _stored(self, task: Task, output: Path, shown: dict[str, Any]) -> dict[str, Any]:
        """Put the result, its report and its waveform into the results' folder."""
        said = read_audio(output, SAMPLE_RATE)
        if self._settings.sync_curve:
            shown["sync"] = measured_sync(output, shown, task.on_progress)
        shown["provenance"] = judge(output).line.replace(str(output), "this file")
        shown["notes"] = [note.replace(str(self._storage.root), "") for note in shown["notes"]]
        (task.results / "report.json").write_text(json.dumps(_plain(shown), ensure_ascii=False), encoding="utf-8")
        (task.results / "peaks.json").write_text(json.dumps(peaks_of(said)))
        size = output.stat().st_size
        output.replace(task.results / RESULT)
        return {"file": RESULT, "duration": shown["duration"], "size": size, "fps": shown["fps"]}

    @contextmanager
    def _video(self, path: Path, facts: MediaFacts, options: DubOptions, task: Task) -> Iterator[Path | PreparedVideo]:
        """The video as `dub` takes it: prepared and kept where it is an upload of moderate length."""
        if (facts.type == "VIDEO" and (facts.duration or 0) > KEPT_SECONDS) or path.parent == task.inputs:
            yield path
            return
        if path not in self._prepared:
            while len(self._prepared) >= KEPT_VIDEOS:
                self._prepared.popitem(last=False)[1].close()
            self._prepared[path] = prepare(path, options=options, on_progress=task.on_progress)
        self._prepared.move_to_end(path)
        yield self._prepared[path]

    def _source(self, task: Task, asset_id: str | None, url: str | None) -> Path:
        """The file of an asset, or what a URL gives."""
        item = VideoInput(type="video", assetId=asset_id) if asset_id else AudioInput(type="audio", url=url)
        return self._file(task, item, "video" if asset_id else "audio", 0)[0]

    def _base(self) -> DubOptions:
        return DubOptions(
            checkpoint=Path(self._settings.checkpoint) if self._settings.checkpoint else None,
            device=self._settings.device,
        )

    def _options(self, request: CreateGeneration, video: Path, facts: MediaFacts) -> DubOptions:
        asked = request.options
        base = self._base()
        if asked is None:
            return base
        own = asked.synclips.model_dump(exclude_none=True) if asked.synclips else {}
        mode = None if request.segments else asked.sync_mode
        face = face_choice(asked.active_speaker_detection, video, facts)
        return replace(base, sync_mode=mode, face=face, **own)

    def _scene(self, task: Task, request: CreateGeneration, video: Path, facts: MediaFacts) -> dict[str, Any]:
        """The segments as a script, and the recordings that stand in the place of some of its lines."""
        by_ref = {item.ref_id: item for item in request.spoken if item.ref_id}
        recordings: dict[int, Waveform] = {}
        path = task.folder / "scene.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("start", "end", "text", "face"))
            for number, segment in enumerate(request.segments or (), 2):
                item = by_ref[segment.audio_input.ref_id]
                speaker = segment.options_override and segment.options_override.active_speaker_detection
                face = face_choice(speaker, video, facts) if speaker else ""
                text = "recording"
                if isinstance(item, TextInput):
                    text = " ".join(item.provider.script.split())
                else:
                    start, end = segment.audio_input.start_time, segment.audio_input.end_time
                    heard = read_audio(self._file(task, item, "audio", 1 + request.spoken.index(item))[0], SAMPLE_RATE)
                    cut = slice(round((start or 0) * SAMPLE_RATE), None if end is None else round(end * SAMPLE_RATE))
                    recordings[number] = Waveform(heard.samples[cut], SAMPLE_RATE)
                table.writerow((f"{segment.start_time:.3f}", f"{segment.end_time:.3f}", text, face))
        return {"script": path, "recordings": recordings}

    def _list_faces(self, task: Task) -> dict[str, Any]:
        asset = self._asset(task.job.owner, str(task.job.request["assetId"]))
        listing = faces(
            self._local(asset),
            thumbnails=task.results,
            device=self._settings.device,
            on_progress=task.on_progress,
        )
        found = []
        for face in listing.faces:
            known = asdict(face) | {"thumbnail": None}
            if face.thumbnail is not None:
                known["thumbnail"] = f"face_{face.number}.png"
                face.thumbnail.replace(task.results / known["thumbnail"])
            found.append(known)
        result = {"faces": found, "speaker": listing.speaker, "notes": list(listing.notes), "shots": listing.shots}
        return dict(_plain(result))

    def _in_voice(self, options: DubOptions, owner: str, texts: list[TextInput]) -> DubOptions:
        """The options with the voice that the texts ask for: a voice that speaks here, or a person's that was kept."""
        asked = list(dict.fromkeys(text.provider.voice_id for text in texts))
        kept = {voice: path for voice in asked if (path := self._kept_voice(owner, voice)) is not None}
        if not asked or (len(asked) > 1 and not kept):
            return options
        if len(asked) > 1:
            words = "the segments of one generation are spoken in one voice that was kept; send a generation for each"
            raise JobFailed("generation_input_validation_failed", words)
        return replace(options, voice=_voice(asked[0]), voice_reference=kept.get(asked[0]))

    def _kept_voice(self, owner: str, voice_id: str) -> Path | None:
        """The speech of a person's voice that was kept; None for any other voice."""
        with self._database.reading() as session:
            job = session.get(Job, voice_id)
        if job is None or job.owner != owner or job.kind != "voice" or job.status != "COMPLETED":
            return None
        assert job.result is not None
        speech = self._storage.result(job.id, int(job.result["fence"]), VOICE)
        if speech is None:
            raise JobFailed(
                "generation_input_asset_missing", f"the speech of the voice {job.name!r} is not there any more"
            )
        return speech

    def _keep_voice(self, task: Task) -> dict[str, Any]:
        """Keep the speech of who speaks in an asset."""
        asset = self._asset(task.job.owner, str(task.job.request["assetId"]))
        task.on_progress("voice", 0, 1)
        reference = analyse_reference(read_audio(self._local(asset), SAMPLE_RATE, stop=VOICE_SECONDS))
        if not reference.usable:
            raise JobFailed("generation_input_validation_failed", reference.notes[0])
        write_wav(task.results / VOICE, reference.speech)
        return {"file": VOICE, "seconds": round(reference.speech.duration, 1), "notes": list(reference.notes)}

    def _speak(self, task: Task) -> dict[str, Any]:
        request = CreateTts.model_validate(task.job.request)
        reference = None
        kept = self._kept_voice(task.job.owner, request.voice_id)
        if kept is not None:
            reference = read_audio(kept, SAMPLE_RATE)
        elif request.asset_id is not None:
            asset = self._asset(task.job.owner, request.asset_id)
            if asset.details.get("has_audio"):
                reference = read_audio(self._local(asset), SAMPLE_RATE, stop=REFERENCE_SECONDS)
        known = (request.options or Extra()).model_dump(exclude_none=True)
        taken = {name: known[name] for name in ("strength", "speed", "background", "language") if name in known}
        line = speak(
            request.script,
            reference,
            synthesizer=_voice(request.voice_id),
            convert=known.get("convert_voice", True),
            on_progress=task.on_progress,
            **taken,
        )
        write_wav(task.results / "line.wav", line.waveform)
        words = [[word.word, round(word.start, 3), round(word.end, 3)] for word in line.words]
        return {
            "file": "line.wav",
            "duration": round(line.waveform.duration, 3),
            "words": words,
            "notes": list(line.notes),
        }

    def _file(self, task: Task, item: Located, what: str, number: int) -> tuple[Path, MediaFacts]:
        """The input's file and what it is; one by URL is fetched once for all attempts."""
        asset_id = item.asset_id or task.job.request.get("ownUrls", {}).get(item.url)
        if asset_id is not None:
            asset = self._asset(task.job.owner, asset_id)
            return self._local(asset), facts_of(asset)
        assert item.url is not None
        path = task.inputs / f"{number}.bin"
        try:
            if not path.is_file():
                task.on_progress("fetch", 0, 1)
                s = self._settings
                fetch(item.url, path, most_bytes=s.max_upload_bytes, allow_private=s.allow_private_urls)
            facts = check_media(path, f"the {what}", self._limits)
        except ForbiddenAddressError as error:
            raise JobFailed("generation_input_url_forbidden", f"the {what}: {error}") from error
        except InputError as error:
            raise JobFailed("generation_media_unreadable", str(error)) from error
        except SyncLipsError as error:
            code = f"generation_input_{what}_inaccessible"
            raise JobFailed(code, f"the {what}: {error}", retry=True) from error
        wanted = ("VIDEO", "IMAGE") if isinstance(item, VideoInput | ImageInput) else ("AUDIO", "VIDEO")
        if facts.type not in wanted or (isinstance(item, AudioInput) and not facts.has_audio):
            raise JobFailed(f"generation_{what}_missing", f"what the {what}'s URL gives is no {what}")
        return path, facts

    def _local(self, asset: Asset) -> Path:
        try:
            return self._storage.local(asset.file)
        except FileNotFoundError as error:
            words = f"the file of the asset {asset.id} is not there any more"
            raise JobFailed("generation_input_asset_missing", words) from error

    def _asset(self, owner: str, asset_id: str) -> Asset:
        with self._database.reading() as session:
            asset = session.get(Asset, asset_id)
        if asset is None or asset.owner != owner or asset.state != "ready":
            raise JobFailed("generation_input_asset_missing", f"there is no asset {asset_id}; it may have expired")
        return asset


def face_choice(asked: ActiveSpeaker | None, video: Path, facts: MediaFacts) -> str:
    """The choice as `DubOptions.face` has it; a frame's number becomes the time at which it is shown."""
    if asked is None:
        return "speaker"
    if asked.face is not None:
        return str(asked.face)
    point = asked.point()
    if point is None or asked.auto_detect:
        return "speaker"
    x, y, frame = point
    time = 0.0
    if facts.type == "VIDEO" and frame:
        times = build_index(video).times
        if frame >= len(times):
            raise InputError(f"frame_number {frame} is beyond the video, which has {len(times)} frames")
        time = float(times[frame])
    return f"{x:g},{y:g}@{time:.4f}"


def facts_of(asset: Asset) -> MediaFacts:
    """What is known of an asset's file."""
    known = asset.details
    return MediaFacts(
        asset.type,
        known.get("duration"),
        known.get("width"),
        known.get("height"),
        known.get("fps"),
        bool(known.get("has_audio")),
    )


def _voice(voice_id: str) -> str:
    """The synthesizer's voice of that name; for one that is not ours (an ElevenLabs id) the one chosen by itself."""
    names = {voice.name for voice in list_voices() if voice.problem is None}
    return voice_id if voice_id in names | {name.partition(":")[0] for name in names} else "auto"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value if value is None or isinstance(value, str | int) else str(value)
