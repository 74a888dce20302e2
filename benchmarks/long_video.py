"""How much memory and time a long video takes: one clip, repeated for some minutes, is dubbed from end to end.

    python benchmarks/long_video.py CLIP SPEECH [MINUTES ...]     (1 and 10 minutes without MINUTES)

Each length runs in a process of its own. Prints one line each: the most memory of its own that it held (anonymous
pages, the measure that decides whether a machine gives up), the most including files that the kernel mapped, and
frames a second.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and time that a long video takes.")
    parser.add_argument("clip", type=Path, help="a video of one person")
    parser.add_argument("speech", type=Path, help="a recording that is repeated for the whole length")
    parser.add_argument("minutes", type=float, nargs="*", default=[1.0, 10.0])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        sys.stdout.write(json.dumps(measure(args.clip, args.speech, args.minutes[0])) + "\n")
        return
    for minutes in args.minutes:
        command = [sys.executable, __file__, "--child", str(args.clip), str(args.speech), str(minutes)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        sys.stdout.write(f"{minutes:g} min: " + ", ".join(f"{name} {value}" for name, value in figures.items()) + "\n")
        sys.stdout.flush()


def measure(clip: Path, speech: Path, minutes: float) -> dict[str, float]:
    """Dub `minutes` of the clip, repeated; megabytes and frames a second."""
    from synclips.dubbing.pipeline import DubOptions, dub

    with tempfile.TemporaryDirectory(prefix="synclips-benchmark-") as folder:
        video, sound, output = (Path(folder) / name for name in ("long.mp4", "long.wav", "dubbed.mp4"))
        write_repeated(clip, speech, minutes, video, sound)
        watch = Watch()
        watch.start()
        started = time.monotonic()
        result = dub(video, output, audio=sound, options=DubOptions(sync_mode="cut_off"))
        seconds = time.monotonic() - started
        own = watch.finish()
    everything = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "own MB": round(own),
        "with mapped files MB": round(everything),
        "frames": result.report.frames,
        "frames/s": round(result.report.frames / seconds, 2),
    }


def write_repeated(clip: Path, speech: Path, minutes: float, video: Path, sound: Path) -> None:
    """The clip, there and back, and the speech, both for `minutes`; pictures are encoded once and then repeated."""
    import av

    from synclips.media.audio import Waveform, read_audio, write_wav
    from synclips.media.video import VideoWriter, probe, read_frames

    info = probe(clip)
    images = [frame.image for frame in islice(read_frames(clip), 250)]
    there_and_back = [*images, *images[-2:0:-1]]
    once = video.with_name("once.mp4")
    with VideoWriter(once, info.width, info.height, Fraction(info.fps), quality=20) as writer:
        for image in there_and_back:
            writer.write(image)
    times = -(-round(minutes * 60 * info.fps) // len(there_and_back))
    with av.open(str(once)) as source, av.open(str(video), "w") as target:
        track = source.streams.video[0]
        copy = target.add_stream_from_template(track)
        assert track.time_base is not None
        length = round(len(there_and_back) / info.fps / track.time_base)
        for repeat in range(times):
            source.seek(0)
            for packet in source.demux(track):
                if packet.pts is not None and packet.dts is not None:
                    packet.pts, packet.dts = packet.pts + repeat * length, packet.dts + repeat * length
                    packet.stream = copy
                    target.mux(packet)
    said = read_audio(speech)
    samples = np.resize(said.samples, round(minutes * 60 * said.sample_rate))
    write_wav(sound, Waveform(samples, said.sample_rate))


class Watch(threading.Thread):
    """Looks at this process's anonymous memory a hundred times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most = 0.0
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.01):
            text = Path("/proc/self/status").read_text()
            self._most = max(self._most, int(text.split("RssAnon:")[1].split()[0]) / 1024)

    def finish(self) -> float:
        """The most megabytes seen."""
        self._done.set()
        self.join()
        return self._most


if __name__ == "__main__":
    main()
