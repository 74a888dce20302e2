"""A video prepared once and dubbed as often as wanted: its faces, each face's bank of mouths, the voice heard in it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from synclips.dubbing.active_speaker import Chosen, choose
from synclips.dubbing.options import DubOptions
from synclips.errors import InputError
from synclips.files import cache_folder
from synclips.media.audio import Sound, read_sound
from synclips.media.image import is_animation
from synclips.media.photo_video import picture_as_video
from synclips.media.sound_tracks import find_track, silent_reason
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoInfo, is_image, probe
from synclips.progress import Progress, silent
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.renderer import Model, Renderer, build_renderer, load_model
from synclips.runtime import choose_device
from synclips.tracking.detection_cache import default_cache, detect_video
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Identity
from synclips.tracking.selection import FaceChoice
from synclips.tracking.tracked_video import TrackedVideo, follow
from synclips.training.personalize import fitted
from synclips.training.speaker_fit import fit_speaker

REFERENCE_SECONDS: Final = 180.0
"""How much of a long recording the voice is taken from."""
BANK_SECONDS: Final = 40.0
"""How much of a long video is searched for mouths, beyond the part that is dubbed."""
PREPARED_BY: Final = ("checkpoint", "device", "engine", "cache", "fit", "fit_lips")
"""Options that a prepared video has been prepared with; they cannot be changed from line to line."""


@dataclass(frozen=True)
class SourceVideo:
    """The video that is dubbed; of a photograph or an animated picture, the temporary video that is made of it.

    named: the file that the user named
    info:  of the video whose frames are read
    is_photograph: `named` is one, and the video moves it gently
    """

    named: Path
    info: VideoInfo
    is_photograph: bool = False
    _references: dict[Path, Sound] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_temporary(self) -> bool:
        """Whether the frames are read from a temporary video."""
        return self.info.path != self.named

    def hearing(self, track: int, audio: Path | None) -> "SourceVideo":
        """The video with another sound track chosen, unless the track is one of the recording `audio`.

        Raises:
            MediaError: there is no such track.
        """
        find_track(audio or self.info.path, track)
        return self if audio else replace(self, info=replace(self.info, audio_track=track), _references={})

    def voice_reference(self, options: DubOptions) -> Sound | None:
        """The sound that the voice is taken from, at 16 kHz; None where there is none. Read once."""
        if options.voice_reference is not None:
            path, track = options.voice_reference, None
        elif self.info.has_audio:
            path, track = self.info.path, self.info.audio_track
        else:
            return None
        if path not in self._references:
            self._references[path] = read_sound(path, SAMPLE_RATE, stop=REFERENCE_SECONDS, track=track)
        return self._references[path]

    def voice_notes(self, options: DubOptions) -> tuple[str, ...]:
        """What a user should know of the sound that the voice is taken from."""
        reference = self.voice_reference(options)
        return self.silent_notes() if reference is None else tuple(reference.notes)

    def silent_notes(self) -> tuple[str, ...]:
        """Why a video with sound tracks is treated as a silent one, where it is."""
        reason = None if self.info.has_audio else silent_reason(self.info.path)
        return (reason,) if reason else ()


@dataclass(frozen=True)
class LoadedModel:
    """A generator in evaluation mode on its device, and what its checkpoint says of itself."""

    network: Model
    metadata: dict[str, Any]


@dataclass(frozen=True)
class DubbedFace:
    """One face of a video, tracked, with a renderer that makes it say anything; `notes` are for the user."""

    tracked: TrackedVideo
    renderer: Renderer
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedVideo:
    """A video (or photograph) whose faces have been found, with a model to dub it: see `prepare`.

    What is worked out for a face (its track, its bank of mouths) is kept, so a further line costs only what depends on
    the line. As a context manager, or by `close`, it removes the temporary video that a photograph needs; otherwise
    that is done when the program ends.
    """

    source: SourceVideo
    detections: Detections
    model: LoadedModel
    options: DubOptions
    _chosen: dict[FaceChoice, Chosen] = field(default_factory=dict, repr=False, compare=False)
    _faces: dict[int, DubbedFace] = field(default_factory=dict, repr=False, compare=False)
    _open: ExitStack = field(default_factory=ExitStack, repr=False, compare=False)

    def __enter__(self) -> "PreparedVideo":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove temporary files."""
        self._open.close()

    def choose(self, choice: FaceChoice, on_progress: Progress = silent) -> Chosen:
        """The face that `choice` means.

        Raises:
            NoFaceError: there is no such face.
        """
        if choice not in self._chosen:
            device = choose_device(self.options.device)
            self._chosen[choice] = choose(self.source.info, self.detections, choice, device, on_progress)
        return self._chosen[choice]

    def face(self, identity: Identity, on_progress: Progress = silent) -> DubbedFace:
        """The face, ready to be dubbed; the model fitted to it as `options` ask for that."""
        if identity.number not in self._faces:
            tracked = follow(self.source.info, self.detections, identity.rows)
            network, notes = self.model.network, tuple[str, ...]()
            if self.options.fit is not None:
                keep = self.options.cache and not self.source.is_temporary
                folder = cache_folder() / "fits" if keep else None
                network, fit = fitted(network, tracked, self.options.fit, folder, on_progress=on_progress)
                notes = (fit.said,)
            renderer = build_renderer(network, tracked, self.options.engine)
            if isinstance(renderer, LipSync):
                lips = fit_speaker(renderer.motion) if self.options.fit is None and self.options.fit_lips else None
                notes = (str(lips),) if lips else notes
                renderer.motion.own = None  # some megabytes that nothing needs any more
            self._faces[identity.number] = DubbedFace(tracked, renderer, notes)
        return self._faces[identity.number]

    def check(self, options: DubOptions) -> None:
        """Refuse options that the video was prepared without.

        Raises:
            InputError: one of `PREPARED_BY` differs.
        """
        for name in PREPARED_BY:
            if getattr(options, name) != getattr(self.options, name):
                raise InputError(
                    f"{self.source.named} was prepared with {name}={getattr(self.options, name)!r}; give "
                    f"{name}={getattr(options, name)!r} to prepare() instead of dub()"
                )


def prepare(
    video: Path | str,
    *,
    options: DubOptions | None = None,
    seconds: float | None = None,
    on_progress: Progress = silent,
) -> PreparedVideo:
    """Find the faces of `video` (a photograph too) and make the one that `options.face` means ready to be dubbed.

    Args:
        video: the file.
        options: what to dub with; those that concern the line only can be given to `dub` anew.
        seconds: how much of a long video is looked at; None: all of it. A dubbed line must fit into it.

    Raises:
        InputError: the video cannot be read, or shows no such face.
        CheckpointError: the model is not there.
    """
    options = options or DubOptions()
    with ExitStack() as stack:
        source = stack.enter_context(open_source(Path(video)))
        model = LoadedModel(*load_model(options.checkpoint, choose_device(options.device)))
        prepared = prepare_source(source, model, options, seconds, on_progress)
        prepared.face(prepared.choose(options.face_choice, on_progress).face, on_progress)
        prepared._open.push(stack.pop_all())
    return prepared


def prepare_source(
    source: SourceVideo, model: LoadedModel, options: DubOptions, seconds: float | None, on_progress: Progress
) -> PreparedVideo:
    """Find every face in the first `seconds` (None: all) of an opened video."""
    cache = default_cache() if options.cache and not source.is_temporary else None
    detections = detect_video(source.info, stop=seconds, cache=cache, on_progress=on_progress)
    return PreparedVideo(source, detections, model, options)


@contextmanager
def open_source(path: Path) -> Iterator[SourceVideo]:
    """The video at `path`; of a photograph or an animated picture a temporary video, removed afterwards.

    Raises:
        MediaError: it cannot be read.
    """
    with ExitStack() as stack:
        still = is_image(path)
        video = stack.enter_context(picture_as_video(path)) if still or is_animation(path) else path
        yield SourceVideo(path, probe(video), still)


@contextmanager
def errors_name_the_file(source: SourceVideo) -> Iterator[None]:
    """Within it errors name the user's file, not the temporary video that is made of a picture."""
    try:
        yield
    except InputError as error:
        said = str(error)
        if source.is_temporary and str(source.info.path) in said:
            raise type(error)(said.replace(str(source.info.path), str(source.named))) from error
        raise
