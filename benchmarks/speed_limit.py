"""Decodes a video and encodes it again as a dub would, and nothing else: `python benchmarks/speed_limit.py IN OUT`."""

import sys
from pathlib import Path


def main(video: Path, output: Path) -> None:
    from synclips.media.frame_index import pictures_in_order
    from synclips.media.video_read import probe
    from synclips.media.video_write import VideoWriter

    info = probe(video)
    with VideoWriter(output, info.width, info.height, info.fps, like=info, overwrite=True) as writer:
        for picture in pictures_in_order(video, range(info.frame_count or 0)):
            writer.write(picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
