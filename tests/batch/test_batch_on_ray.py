"""Real dubs of a batch as tasks of a Ray cluster of two nodes, one of which is killed while it dubs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synclips.data.synthetic import write_synthetic_corpus
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.media.video import probe

SCRIPT = """
import os, sys, threading, time
from pathlib import Path
from ray.cluster_utils import Cluster
from synclips.batch.run import run_batch
from synclips.dubbing.options import DubOptions
from synclips.engines.engine import open_engine

jobs, folder, started = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
engine = open_engine("ray", address=cluster.address)

class Counting:
    def run(self, work, items):
        def counted(piece):
            (started / f"{piece.lines[0].number}.{os.getpid()}").touch()
            return work(piece)
        return engine.run(counted, items)

def kill():
    # two rows are being made and each node has one processor, so one row is in the middle on the second node
    while len(list(started.iterdir())) - len(list(Path(folder).glob("*.mp4"))) < 2:
        time.sleep(0.02)
    cluster.remove_node(second, allow_graceful=False)

killer = threading.Thread(target=kill)
killer.start()
options = DubOptions(provenance=False, cache=False)
first = run_batch(jobs, folder, Counting(), options).counts()
killer.join()
print(first, run_batch(jobs, folder, engine, options).counts(), flush=True)
os._exit(0)
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_node_that_dies_while_it_dubs_costs_no_row(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    videos = write_synthetic_corpus(tmp_path / "raw", ("s1",), clips=4, seconds=2.0)
    sound = read_audio(videos[0])
    write_wav(tmp_path / "line.wav", Waveform(sound.samples[: sound.sample_rate], sound.sample_rate))
    rows = [f"{video},{tmp_path / 'line.wav'},{number}" for number, video in enumerate(videos)]
    (tmp_path / "jobs.csv").write_text("\n".join(["video,audio,output", *rows]) + "\n")
    script, started = tmp_path / "batch.py", tmp_path / "started"
    script.write_text(SCRIPT)
    started.mkdir()
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    arguments = [sys.executable, str(script), str(tmp_path / "jobs.csv"), str(tmp_path / "out"), str(started)]
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert "{'done': 4} {'kept': 4}" in ended.stdout, ended.stdout + ended.stderr[-2000:]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["number"] for row in report["rows"]] == [1, 2, 3, 4]
    assert all(row["cpu"] > 0 for row in report["rows"])
    for number in range(4):
        assert 0.9 < probe(tmp_path / "out" / f"{number}.mp4").duration < 2.2
    assert len(list(started.iterdir())) > 4, "no row was begun again"
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mp4")) == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
