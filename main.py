"""Dub a video: `python main.py --video_path V --text T --output_dir D` (= `synclips dub`)."""

import sys

from synclips.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["dub", *sys.argv[1:]]))
