"""Train on data/shards: `python scripts/train.py --config base` (= `synclips recipe --from-shards`)."""

import sys

from synclips.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["recipe", "--from-shards", *sys.argv[1:]]))
