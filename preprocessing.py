"""Preprocess the corpus: `python preprocessing.py`, from data/raw to data/shards (= `synclips preprocess`)."""

import sys

from synclips.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["preprocess", *sys.argv[1:]]))
