"""Seeded mutations of small media files of every accepted container, and everything that reads them."""

import random
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from sound_clips import voices, write_sound

from synclips.errors import SyncLipsError
from synclips.media.audio import read_audio, read_sound
from synclips.media.image import is_animation, is_image, read_image
from synclips.media.photo_video import picture_as_video
from synclips.media.video import VideoWriter, frame_times, frames_in_order, probe, read_at_rate, read_frames
from synclips.provenance.tags import read_origin, tags_of

SOUNDS = {
    "wav": ("pcm_s16le", "stereo"), "aiff": ("pcm_s16be", "mono"), "mp3": ("libmp3lame", "stereo"),
    "m4a": ("aac", "mono"),
    "aac": ("aac", "mono"), "flac": ("flac", "stereo"), "ogg": ("libopus", "stereo"), "mka": ("flac", "5.1"),
    "ac3": ("ac3", "5.1"), "caf": ("pcm_s16le", "mono"), "au": ("pcm_mulaw", "mono"), "wma": ("wmav2", "stereo"),
    "opus": ("libopus", "mono"),
}  # fmt: skip
VIDEOS = {
    "mp4": "aac", "mov": "pcm_s16le", "mkv": "libopus", "webm": "libopus", "avi": "libmp3lame", "ts": "aac",
    "mpg": "mp2", "m4v": "aac", "3gp": "aac", "flv": "aac", "wmv": "wmav2", "mxf": "pcm_s16le", "ogv": "flac",
}  # fmt: skip
IMAGES = ("jpg", "png", "webp", "bmp", "tiff", "gif", "avif")
MOST_FRAMES = 40
MOST_SECONDS = 30.0


def seeds(folder: Path) -> list[Path]:
    """One small file of each kind that this machine can write: 0.4 s, with tags."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for suffix, (codec, layout) in SOUNDS.items():
        made.append(_attempt(folder / f"sound.{suffix}", codec, layout, picture=False))
    for suffix, codec in VIDEOS.items():
        made.append(_attempt(folder / f"video.{suffix}", codec, "mono", picture=True))
    made += [_subtitled(folder / "captions.mkv")]
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    for suffix in IMAGES:
        path = folder / f"image.{suffix}"
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(image).save(path, exif=exif)
        made.append(path)
    frames = [Image.fromarray(np.roll(image, step, 1)) for step in range(3)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], duration=80)
    return sorted([path for path in made if path is not None] + [folder / "moving.webp"])


def _attempt(path: Path, codec: str, layout: str, *, picture: bool) -> Path | None:
    try:
        return _tagged(write_sound(path, voices(0.4, layout), codec=codec, layout=layout, picture=picture))
    except (av.FFmpegError, ValueError):
        path.unlink(missing_ok=True)
        return None


def _tagged(path: Path) -> Path:
    """The same file with tags in its container."""
    other = path.with_name(f"tagged.{path.name}")
    try:
        with av.open(str(path)) as source, av.open(str(other), "w") as target:
            target.metadata.update({"title": "Garden", "comment": "rain", "artist": "somebody"})
            copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
            for packet in source.demux():
                if packet.size:
                    packet.stream = copies[packet.stream.index]
                    target.mux(packet)
    except (av.FFmpegError, ValueError):
        other.unlink(missing_ok=True)
        return path
    return other.replace(path)


def _subtitled(path: Path) -> Path:
    """A film with two sound tracks and subtitles."""
    srt = path.with_suffix(".srt")
    srt.write_text("1\n00:00:00,000 --> 00:00:00,200\nHello\n\n2\n00:00:00,200 --> 00:00:00,400\nthere\n")
    film = write_sound(path.with_name("film.mkv"), *[voices(0.4, "mono")] * 2, codec="flac", picture=True)
    with av.open(str(film)) as one, av.open(str(srt)) as other, av.open(str(path), "w") as target:
        sources = [*one.streams, other.streams.subtitles[0]]
        copies = [target.add_stream_from_template(stream) for stream in sources]
        for source, first in ((one, 0), (other, len(one.streams))):
            for packet in source.demux():
                if packet.size:
                    packet.stream = copies[first + packet.stream.index]
                    target.mux(packet)
    film.unlink()
    srt.unlink()
    return path


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to a dozen of the faults that storage, transfer and other programs make, anywhere in it."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6, 12))):
        rng.choice(_FAULTS)(result, rng)
        if not result:
            break
    return bytes(result)


def _place(data: bytearray, rng: random.Random) -> int:
    """Somewhere; every other time in the header."""
    return rng.randrange(min(len(data), 600) if rng.random() < 0.5 else len(data))


def _flip(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))


def _number(data: bytearray, rng: random.Random) -> None:
    place, value = _place(data, rng), rng.choice((0, 1, -1, 2**31 - 1, -(2**31), 2**15, 65_535, rng.getrandbits(31)))
    data[place : place + 4] = struct.pack(rng.choice(("<i", ">i")), value)


def _overwritten(data: bytearray, rng: random.Random) -> None:
    place, count = _place(data, rng), rng.choice((2, 8, 64, 512))
    fill = rng.choice((bytes(count), b"\xff" * count, rng.randbytes(count)))
    data[place : place + count] = fill[: len(data) - place]


def _deleted(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 4, 32, 400))]


def _doubled(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    data[place:place] = data[place : place + rng.choice((1, 4, 32, 400, len(data)))]


def _cut_off(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _swapped(data: bytearray, rng: random.Random) -> None:
    first, second, count = _place(data, rng), _place(data, rng), rng.choice((4, 64, 188))
    one, other = bytes(data[first : first + count]), bytes(data[second : second + count])
    data[first : first + count], data[second : second + count] = other, one


_FAULTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _flip, _byte, _byte, _number, _number, _overwritten, _overwritten, _deleted, _doubled, _cut_off, _swapped,
)  # fmt: skip


def cases(files: list[Path], seed: int, start: int, stop: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of mutated files number `start` to `stop`; the same ones for the same seed."""
    contents = [(path.name, path.read_bytes()) for path in files]
    for number in range(start, stop):
        rng = random.Random(f"{seed}/{number}")
        name, data = contents[number % len(contents)]
        if rng.random() < 0.1:
            data += rng.choice(contents)[1]
        if rng.random() < 0.05:
            name = f"{name}.{rng.choice(contents)[0].rpartition('.')[2]}"
        yield f"{number:06d}.{name}", mutated(data, rng)


def read_everything(path: Path, folder: Path) -> dict[str, str]:
    """Let every reader have the file; what each said that refused it. Any other exception passes through."""
    refused = {}
    for name, reader in READERS.items():
        try:
            reader(path, folder)
        except SyncLipsError as error:
            words = str(error)
            assert words, name
            assert "\n" not in words, words
            refused[name] = words
    return refused


def _probe(path: Path, _: Path) -> None:
    assert probe(path).width > 0


def _frames(path: Path, _: Path) -> None:
    for number, frame in enumerate(read_frames(path)):
        assert frame.image.dtype == np.uint8
        if number >= MOST_FRAMES:
            break


def _order(path: Path, _: Path) -> None:
    order = list(range(min(6, len(frame_times(path)))))[::-1]
    for _image in frames_in_order(path, order):
        pass


def _at_rate(path: Path, _: Path) -> None:
    for number, _image in enumerate(read_at_rate(path)):
        if number >= MOST_FRAMES:
            break


def _sound(path: Path, _: Path) -> None:
    sound = read_sound(path, stop=MOST_SECONDS)
    assert sound.samples.dtype == np.float32
    assert all(np.isfinite(block).all() for block in sound.blocks())


def _mono(path: Path, _: Path) -> None:
    assert np.isfinite(read_audio(path, stop=MOST_SECONDS).samples).all()


def _tags(path: Path, _: Path) -> None:
    read_origin(tags_of(path))


def _animation(path: Path, _: Path) -> None:
    if is_animation(path):
        with picture_as_video(path) as video:
            probe(video)


def _image(path: Path, _: Path) -> None:
    is_image(path)
    read_image(path)


def _kept(path: Path, folder: Path) -> None:
    probe(path)
    with VideoWriter(folder / "kept.mkv", 64, 64, Fraction(25), keep=path, duration=0.4, overwrite=True) as writer:
        for _number in range(10):
            writer.write(np.zeros((64, 64, 3), np.uint8))


READERS: dict[str, Callable[[Path, Path], None]] = {
    "probe": _probe,
    "read_frames": _frames,
    "frames_in_order": _order,
    "read_at_rate": _at_rate,
    "read_sound": _sound,
    "read_audio": _mono,
    "tags": _tags,
    "picture_as_video": _animation,
    "read_image": _image,
    "keep": _kept,
}
