"""Seconds to the first frame of a dub: `python benchmarks/speed_first_frame.py VIDEO SPEECH OUTPUT [MODEL]`.

Prints four numbers: from the start of the process, with a video that is new; in the same process, with another line for
the video as it stays prepared; in the same process, prepared anew, as a server's worker does with a video that it has
in its cache; and from there with the cache empty.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

STARTED = time.time()
"""Measured later than the process's own start by what Python itself takes."""


class _SeenError(Exception):
    """The first frame is there."""


def main(video: Path, speech: Path, output: Path, checkpoint: Path | None = None) -> None:
    from synclips.dubbing.options import DubOptions
    from synclips.dubbing.pipeline import dub
    from synclips.dubbing.prepared_video import PreparedVideo, prepare

    options = DubOptions(checkpoint=checkpoint, sync_mode="cut_off", provenance=False)

    def first_frame(source: Path | PreparedVideo, began: float) -> float:
        def seen(stage: str, done: int, total: int) -> None:
            del total
            if stage == "render" and done >= 1:
                raise _SeenError

        try:
            dub(source, output, audio=speech, options=options, overwrite=True, on_progress=seen)
        except _SeenError:
            return time.time() - began
        raise SystemExit(f"{video} gave no frame")

    found = [first_frame(video, STARTED)]
    with prepare(video, options=options) as prepared:
        first_frame(prepared, time.time())
        found.append(first_frame(prepared, time.time()))
    found.append(first_frame(video, time.time()))
    with tempfile.TemporaryDirectory(prefix="synclips-speed-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        found.append(first_frame(video, time.time()))
    sys.stdout.write(" ".join(f"{seconds:.2f}" for seconds in found) + "\n")


if __name__ == "__main__":
    main(*(Path(name) for name in sys.argv[1:5]))
