"""Download the GRID corpus: `python get_data.py --output_dir data/raw --num_speakers 34` (= `synclips download`)."""

import sys

from synclips.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["download", *sys.argv[1:]]))
