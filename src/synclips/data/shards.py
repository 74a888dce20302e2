"""Shards: the preprocessed corpus as tar files and one manifest.json.

A clip is four members of a tar, in WebDataset's naming: `s1.bbaf2n.mp4` (144 x 144 face crops), `.ogg` (16 kHz sound,
Opus), `.npz.xz` (geometry, below) and `.json` (facts). Any tar program and any WebDataset loader reads them.

Geometry is stored in whole numbers (1/16 canonical unit, depth 1/4) as differences from frame to frame, which compress
well. A clip of 3 s takes about 65 kB.
"""

import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.data.clip_codec import decode_pictures, decode_sound, encode_pictures, encode_sound
from synclips.data.grid import Split, clip_key
from synclips.errors import MediaError, ShardError
from synclips.features.face_mesh import lower_points
from synclips.files import atomic_path
from synclips.media.audio import Waveform

VERSION = 1
QUANTUM = np.array([16, 16, 4])
"""Stored steps per canonical unit of x, y and z (a detector's z is far less exact)."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Clip:
    """One preprocessed utterance.

    crops:      face crops, RGB
    lower:      canonical positions of `lower_points()` in each frame
    mesh:       the clip's mean canonical mesh
    pose:       canonical -> crop pixels in each frame, as a 3 x 4 affine map
    waveform:   16 kHz, loudness-normalised, on the pictures' clock
    words:      the sentence, with times in seconds (start, end, word); empty if unknown
    """

    speaker: str
    name: str
    crops: UInt8[np.ndarray, "n 144 144 3"]
    lower: Float32[np.ndarray, "n m 3"]
    mesh: Float32[np.ndarray, "468 3"]
    pose: Float64[np.ndarray, "n 3 4"]
    waveform: Waveform
    words: tuple[tuple[float, float, str], ...]

    def __post_init__(self) -> None:
        if not len(self.crops) == len(self.lower) == len(self.pose):
            raise ValueError(f"{self.key}: {len(self.crops)} crops, {len(self.lower)} shapes, {len(self.pose)} poses")

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def key(self) -> str:
        """Unique in the corpus, see `clip_key`."""
        return clip_key(self.speaker, self.name)

    def meshes(self) -> Float32[np.ndarray, "n 468 3"]:
        """The whole canonical mesh in each frame: the clip's mean with the lower face as it moves."""
        full = np.repeat(self.mesh[None], len(self), axis=0)
        full[:, lower_points()] = self.lower
        return full

    def to_crop(self, canonical: Float32[np.ndarray, "n p 3"]) -> Float32[np.ndarray, "n p 2"]:
        """Canonical points to crop pixels, frame by frame."""
        return project(self.pose, canonical)


@dataclass(frozen=True)
class ClipEntry:
    """What the manifest says of one clip.

    av_offset:      frames by which the sound lags the picture (None: not measured)
    av_confidence:  its peak over the median of all offsets, in similarity
    split:          None: as `data.grid.split_of` says

    Of a clip cut from footage also:

    source:         the video, below the corpus's folder
    start, stop:    seconds of it
    corrected:      frames by which its sound was late, and was moved
    face:           longer side of the face in the video, in pixels
    words_by:       the recogniser's model that heard the words; "": they were given, or there are none
    """

    key: str
    frames: int
    shard: str
    av_offset: int | None = None
    av_confidence: float | None = None
    split: Split | None = None
    source: str = ""
    start: float | None = None
    stop: float | None = None
    corrected: int = 0
    face: int | None = None
    words_by: str = ""


@dataclass(frozen=True)
class Reject:
    """A clip left out, and why; of footage also the video, and the seconds that it would have shown."""

    key: str
    reason: str
    source: str = ""
    start: float | None = None
    stop: float | None = None


@dataclass(frozen=True)
class Manifest:
    """All shards of a corpus, what they hold, and what was left out."""

    clips: tuple[ClipEntry, ...]
    rejects: tuple[Reject, ...]
    sha256: dict[str, str]
    settings: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write `folder`/manifest.json."""
        value = {"version": VERSION, **asdict(self)}
        with atomic_path(folder / MANIFEST) as temporary:
            temporary.write_text(json.dumps(value, indent=1) + "\n")

    @staticmethod
    def read(folder: Path) -> "Manifest":
        """Read `folder`/manifest.json.

        Raises:
            ShardError: absent, damaged or of another version.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise ShardError(f"no {MANIFEST} in {folder}; run `synclips preprocess` first")
        try:
            value = json.loads(path.read_text())
            if value["version"] != VERSION:
                raise ShardError(f"{path} is of version {value['version']}, not {VERSION}; preprocess the corpus again")
            return Manifest(
                tuple(ClipEntry(**clip) for clip in value["clips"]),
                tuple(Reject(**reject) for reject in value["rejects"]),
                dict(value["sha256"]),
                dict(value["settings"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ShardError(f"{path} is damaged; preprocess the corpus again") from error


def project(
    pose: Float64[np.ndarray, "n 3 4"], canonical: Float32[np.ndarray, "n p 3"]
) -> Float32[np.ndarray, "n p 2"]:
    """Canonical points to crop pixels by a pose a frame."""
    turned = np.einsum("nij,npj->npi", pose[:, :2, :3], canonical)
    return (turned + pose[:, None, :2, 3]).astype(np.float32)


def write_shard(path: Path, clips: Iterable[Clip]) -> list[ClipEntry]:
    """Write clips to one tar, atomically. Equal clips give equal bytes."""
    entries = []
    with atomic_path(path) as temporary, tarfile.open(temporary, "w") as tar:
        for clip in clips:
            for suffix, data in _members(clip).items():
                info = tarfile.TarInfo(f"{clip.key}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            entries.append(ClipEntry(clip.key, len(clip), path.name))
    return entries


def verify(folder: Path) -> Manifest:
    """Check every shard of a corpus against its manifest, byte by byte.

    Raises:
        ShardError: a shard is missing or differs.
    """
    manifest = Manifest.read(folder)
    for name, expected in manifest.sha256.items():
        path = folder / name
        if not path.is_file():
            raise ShardError(f"{path} is missing; run `synclips preprocess` again")
        if sha256_of(path) != expected:
            raise ShardError(f"{path} is not what {MANIFEST} says; delete it and run `synclips preprocess` again")
    return manifest


def sha256_of(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _members(clip: Clip) -> dict[str, bytes]:
    geometry = io.BytesIO()
    quantised = np.round((clip.lower - clip.mesh[lower_points()]) * QUANTUM).astype(np.int16)
    np.savez(
        geometry,
        # point-major, so that each coordinate's small differences lie side by side
        lower=np.diff(quantised, axis=0, prepend=np.zeros_like(quantised[:1])).transpose(1, 2, 0).copy(),
        mesh=clip.mesh.astype(np.float32),
        pose=clip.pose.astype(np.float32),
    )
    facts = {"speaker": clip.speaker, "name": clip.name, "words": clip.words}
    return {
        "mp4": encode_pictures(clip.crops),
        "ogg": encode_sound(clip.waveform),
        "npz.xz": lzma.compress(geometry.getvalue()),
        "json": json.dumps(facts).encode(),
    }


def clip_from_members(members: dict[str, bytes], shard: Path) -> Clip:
    """A clip of its tar members' bytes, by suffix; `shard` is named in errors.

    Raises:
        ShardError: the bytes are damaged or incomplete.
    """
    try:
        facts = json.loads(members["json"])
        with np.load(io.BytesIO(lzma.decompress(members["npz.xz"]))) as data:
            mesh, pose, steps = data["mesh"], data["pose"], data["lower"]
        lower = np.cumsum(steps.transpose(2, 0, 1).astype(np.int32), axis=0) / QUANTUM + mesh[lower_points()]
        return Clip(
            facts["speaker"],
            facts["name"],
            decode_pictures(members["mp4"]),
            lower.astype(np.float32),
            mesh,
            pose.astype(np.float64),
            decode_sound(members["ogg"]),
            tuple((float(start), float(end), str(word)) for start, end, word in facts["words"]),
        )
    except (KeyError, ValueError, EOFError, lzma.LZMAError, MediaError) as error:
        raise ShardError(f"{shard} is damaged; delete it and run `synclips preprocess` again") from error
