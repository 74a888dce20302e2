"""Takes MediaPipe's face detector and face mesh out of its wheel, as `synclips.tracking.face_models` loads them.

    pip download --no-deps --python-version 3.11 --platform manylinux_2_28_x86_64 --only-binary :all: mediapipe==0.10.21
    python scripts/import_face_models.py mediapipe-0.10.21-*.whl

The two files are copied as they are; the wheel's licence is laid beside them.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from zipfile import ZipFile

from synclips.files import atomic_path
from synclips.tracking.face_models import WEIGHTS

MODELS = {
    "mediapipe/modules/face_detection/face_detection_short_range.tflite": (
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
    ),
    "mediapipe/modules/face_landmark/face_landmark.tflite": (
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814"
    ),
}
"""Places in the wheel, and SHA-256."""
LICENCE = "mediapipe-0.10.21.dist-info/LICENSE"
ATTRIBUTION = """\
The files face_detection_short_range.tflite and face_landmark.tflite in this folder are part of MediaPipe 0.10.21
(https://github.com/google-ai-edge/mediapipe), Copyright The MediaPipe Authors, and are unchanged. They are licensed
under the Apache License, Version 2.0, which follows as MediaPipe ships it.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("output", type=Path, nargs="?", default=WEIGHTS)
    options = parser.parse_args()
    with ZipFile(options.wheel) as wheel:
        for place, expected in MODELS.items():
            content = wheel.read(place)
            digest = hashlib.sha256(content).hexdigest()
            if digest != expected:
                sys.exit(f"{place} of {options.wheel} is not that of mediapipe 0.10.21 ({digest})")
            with atomic_path(options.output / Path(place).name) as temporary:
                temporary.write_bytes(content)
        with atomic_path(options.output / "mediapipe.LICENSE.md") as temporary:
            temporary.write_text(ATTRIBUTION + wheel.read(LICENCE).decode(), encoding="utf-8")


if __name__ == "__main__":
    main()
