"""A digest of everything that a result's frames depend on: an interrupted run is resumed only if it is equal."""

import hashlib
from itertools import chain
from pathlib import Path

import numpy as np

from synclips.media.audio import Sound
from synclips.rendering.renderer import model_digest
from synclips.rendering.timeline import Timeline
from synclips.version import __version__


def run_identity(video: Path, sound: Sound, timeline: Timeline, options: object, checkpoint: Path | None) -> str:
    """Digest of the video (path, size, time of change), sound, timeline, `options` (by their repr), model, version."""
    stat = video.stat()
    words = repr((video.resolve(), stat.st_size, stat.st_mtime_ns, options, model_digest(checkpoint), __version__))
    words += repr((sound.sample_rate, sound.channels))
    digest = hashlib.sha256(words.encode())
    for values in chain((block.T for block in sound.blocks()), (timeline.source, timeline.times)):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
