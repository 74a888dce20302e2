"""A runner that stands in for the dub in tests of queue and API, and the process of a worker that uses it.

A generation whose text is `slow N` works N steps of 0.05 s and appends a line per step to `steps.log` in its inputs'
folder; `show N` makes N frames and shows them meanwhile;
`fail` fails for good, `again` fails so that it is tried again, `crash` kills its own process.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from synclips.errors import BackendError, TextError
from synclips.media.resumable_writer import parts_folder
from synclips.server.storage import RESULT
from synclips.server.worker import Task

STEP_SECONDS = 0.05


def fake_dub(task: Task) -> dict[str, Any]:
    """Write a small file as the result."""
    if task.job.kind == "faces":
        return _faces(task)
    if task.job.kind == "tts":
        write_tone(task.results / "line.wav")
        return {"file": "line.wav", "duration": 1.0, "words": [["Hello", 0.1, 0.6]], "notes": []}
    if task.job.kind == "voice":
        write_tone(task.results / "voice.wav")
        return {"file": "voice.wav", "seconds": 12.0, "notes": []}
    if task.job.kind == "transcribe":
        return _transcript(task)
    if task.job.kind == "dialogue":
        write_tone(task.results / "preview.wav")
        words = {"segments": [{"id": "s0", "words": []}]}
        slot = {"startMs": 300, "endMs": 700, "text": task.job.request["edits"][0]["text"], "replaced": "dollars"}
        return {"file": "preview.wav", "transcript": words, "slots": [slot], "durationMs": 1000, "notes": []}
    texts = [item["provider"]["script"] for item in task.job.request["input"] if item["type"] == "text"]
    word, _, number = (texts[0] if texts else "").partition(" ")
    if word == "fail":
        raise TextError("there is nothing to be spoken; write words")
    if word == "again":
        raise BackendError("the voice does not start; install it")
    if word == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "show":
        _show(task, int(number))
    parts = parts_folder(task.folder / RESULT)
    parts.mkdir(exist_ok=True)
    total = int(number) if word == "slow" else 1
    for step in range(len(list(parts.iterdir())), total):
        task.on_progress("render", step, total)
        time.sleep(STEP_SECONDS if word == "slow" else 0)
        with (task.inputs / "steps.log").open("a") as log:
            log.write(f"{step} {task.job.fence}\n")
        (parts / f"{step:05d}").touch()
    log = task.inputs / "steps.log"
    (task.results / "steps.log").write_text(log.read_text() if log.exists() else "")
    (task.results / RESULT).write_bytes(_video())
    report = {"notes": [], "duration": 1.0, "speech": {"words": []}, "width": 64, "height": 48, "seconds": 1.0}
    report["sync"] = {"step": 0.2, "scores": [None, 0.3, 0.42, 0.1, None], "mean": 0.273, "sure": 0.15}
    if "dialogueEdit" in task.job.request:
        new = task.job.request["dialogueEdit"]["edits"][0]["text"]
        times = {"start": 0.3, "end": 0.7, "result_start": 0.3, "result_end": 0.7}
        report["spans"] = [{"said": "dollars", "new": new, **times}]
        report["speech"] = {"words": [["ten", 0.1, 0.3], [new, 0.3, 0.7]]}
    (task.results / "report.json").write_text(json.dumps(report))
    (task.results / "peaks.json").write_text("[0, 0.5, 1]")
    return {"file": RESULT, "duration": 1.0, "size": 1, "fps": 25.0}


def _show(task: Task, frames: int) -> None:
    """Frames of changing grey and a tone, as a growing preview."""
    import numpy as np

    from synclips.media.sound import Sound
    from synclips.server.live_preview import LivePreview

    with LivePreview(task.results) as preview:
        preview.sound(Sound(np.zeros((1, 16_000 * frames // 25), np.float32), 16_000))
        for number in range(frames):
            preview.picture(np.full((48, 64, 3), number % 256, np.uint8), number / 25)
            task.on_progress("render", number, frames)
            time.sleep(0.02)


def _transcript(task: Task) -> dict[str, Any]:
    task.on_progress("listen", 1, 1)
    said = [("Ten", 100, 300), ("dollars", 300, 700), ("please.", 700, 950)]
    words = [
        {"id": f"w{k}", "text": word, "startMs": start, "endMs": end, "confidence": 0.9}
        for k, (word, start, end) in enumerate(said)
    ]
    line = {"id": "s0", "text": "Ten dollars please.", "startMs": 100, "endMs": 950, "words": words}
    return {"transcript": {"segments": [line]}, "speakerCount": 1, "durationMs": 1000, "model": "tiny.en", "notes": []}


def _faces(task: Task) -> dict[str, Any]:
    face = {
        "number": 1, "first": 0.0, "last": 1.0, "share": 1.0, "size": 120.0, "x": 60.0, "y": 60.0,
        "seconds_speaking": 1.0, "point": "60,60@0.000", "thumbnail": None,
    }  # fmt: skip
    time.sleep(STEP_SECONDS)
    task.on_progress("find the face", 1, 1)
    return {"faces": [face], "speaker": 1, "notes": [], "shots": 1}


def _video() -> bytes:
    """The small real MP4 that the environment names; without one, something else."""
    path = os.environ.get("SYNCLIPS_FAKE_RESULT")
    return Path(path).read_bytes() if path else b"not a real video"


def write_tone(path: Path) -> Path:
    """A second of a quiet tone."""
    import numpy as np

    from synclips.media.audio import Waveform, write_wav

    samples = 0.2 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
    write_wav(path, Waveform(samples.astype(np.float32), 16_000))
    return path


if __name__ == "__main__":
    from synclips.server.logs import set_up_logs
    from synclips.server.settings import ServerSettings
    from synclips.server.worker_process import run_worker

    set_up_logs()
    run_worker(ServerSettings.from_environment(), fake_dub)
