"""DubOptions: every option of a dub with its default."""

from dataclasses import dataclass
from pathlib import Path

from synclips.errors import ConfigError
from synclips.media.video_encode import Codec
from synclips.models.refiner_engine import ENGINES, Engine
from synclips.rendering.timeline import SyncMode
from synclips.speech.conversion.converter import CONVERTERS, STRENGTH
from synclips.speech.pronunciation.given import Pronunciation, files_of, pronunciations
from synclips.speech.synthesis import Background
from synclips.speech.text.conventions import check_language
from synclips.tracking.selection import FaceChoice, parse_choice


@dataclass(frozen=True)
class DubOptions:
    """How to dub.

    checkpoint:   the model: a .safetensors, or the name of a shipped one, Path("base") or Path("fast"); None: base
    engine:       what computes the refiner: auto, ncnn or torch (see `synclips.models.refiner_engine`)
    sync_mode:    None: end with the speech, bounce if the video is the shorter
    face:         speaker, largest, left, right, a number of `synclips faces`, or X,Y@SECONDS
    cache:        what was found in a video is kept for the next line
    converter:    how the voice is converted: world, built in, or openvoice, whose weights are downloaded
    fit:          seconds for which the model is fitted to the person first; None: it is not
    fit_lips:     where `fit` is None, the motion model's last layer is fitted to the person if the video says enough of
                  how their lips move (see `synclips.training.speaker_fit`)
    audio_track:  which sound track is heard, from 1: of the recording where there is one, else of the video; None: the
                  one flagged default, or the first that can be decoded
    at_most:      seconds of the result, for a preview; only as much of the video is looked at
    provenance:   sign the result, where the libraries for it are installed and its format allows it
    certificate, private_key:  PEM files to sign with; None: a self-made certificate
    label:        words written on every frame
    strict:       a line of a script that cannot be used as it is written is an error, not a note
    language:     the text's: auto, fr, pt-BR, ...; or whose way of writing numbers and dates an English text follows:
                  en-GB, de, ...
    pronounce:    how words are spoken: each `word=IPA`, or the name of a file of such lines

    Raises:
        ConfigError: `face` or `engine` is none of these, the language is not known, or a pronunciation is none.
    """

    sync_mode: SyncMode | None = None
    keep_length: bool = False
    checkpoint: Path | None = None
    device: str = "auto"
    engine: Engine = "auto"
    voice: str = "auto"
    convert_voice: bool = True
    converter: str = CONVERTERS[0]
    strength: float = STRENGTH
    speed: float = 1.0
    background: Background = "keep"
    voice_reference: Path | None = None
    quality: int = 16
    codec: Codec = "h264"
    keep_streams: bool = False
    face: str = "speaker"
    cache: bool = True
    fit: float | None = None
    fit_lips: bool = True
    audio_track: int | None = None
    at_most: float | None = None
    provenance: bool = True
    certificate: Path | None = None
    private_key: Path | None = None
    label: str | None = None
    strict: bool = False
    language: str = "auto"
    pronounce: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parse_choice(self.face)
        if self.engine not in ENGINES:
            raise ConfigError(f"engine {self.engine!r} is unknown; use one of {', '.join(ENGINES)}")
        check_language(self.language)
        pronunciations(self.pronounce)

    @property
    def files(self) -> tuple[Path | None, ...]:
        """The files that are read."""
        named = self.checkpoint, self.voice_reference, self.certificate, self.private_key
        return *named, *files_of(self.pronounce)

    @property
    def pronunciations(self) -> tuple[Pronunciation, ...]:
        """How words are spoken."""
        return pronunciations(self.pronounce)

    @property
    def face_choice(self) -> FaceChoice:
        """Which face is dubbed."""
        return parse_choice(self.face)
