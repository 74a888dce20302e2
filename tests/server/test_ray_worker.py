"""Jobs of the server as tasks of Ray: the table decides, a task does one job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synclips.errors import ConfigError
from synclips.server.database import Database
from synclips.server.queue import JobQueue
from synclips.server.settings import ServerSettings

DISPATCHER = """
import os, sys, threading, time
from pathlib import Path
import fake_dub
from ray.cluster_utils import Cluster
from synclips.server.database import Database
from synclips.server.queue import JobQueue
from synclips.server.ray_worker import run_on_ray
from synclips.server.settings import ServerSettings

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
settings = ServerSettings(
    data_dir=Path(sys.argv[1]), workers=2, engine="ray", heartbeat_seconds=0.2, lease_seconds=3.0,
    ray_address=cluster.address,
)
queue = JobQueue(Database(settings.database), settings.lease_seconds, settings.max_attempts)
stopping = threading.Event()

def watch():
    while queue.counts().get("COMPLETED", 0) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    long = queue.submit("generate", "local", job("slow 4000"))
    while queue.get("local", long.id).progress == 0 and time.monotonic() < until:
        time.sleep(0.1)
    stopping.set()

def job(text):
    return {"input": [{"type": "text", "provider": {"script": text}}]}

until = time.monotonic() + 60
for text in ("one", "crash", "slow 3", "two"):
    queue.submit("generate", "local", job(text))
watcher = threading.Thread(target=watch)
watcher.start()
run_on_ray(settings, fake_dub.fake_dub, stopping)
watcher.join()
os._exit(0)
"""


@pytest.mark.long
def test_each_job_is_done_by_a_task_and_a_lost_task_costs_no_other(tmp_path: Path, clip: Path) -> None:
    pytest.importorskip("ray")
    settings = ServerSettings(data_dir=tmp_path)
    database = Database(settings.database)
    database.create()
    script = tmp_path / "dispatcher.py"
    script.write_text(DISPATCHER)
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(Path(__file__).parents[1] / "support"), "SYNCLIPS_FAKE_RESULT": str(clip),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], env=environment, capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip
    counts = JobQueue(database).counts()
    assert counts["COMPLETED"] == 3, done.stderr[-2000:]
    with database.reading() as session:
        from synclips.server.tables import Job

        jobs = {job.request["input"][0]["provider"]["script"]: job for job in session.query(Job).all()}
    database.close()
    assert jobs["one"].attempts == jobs["two"].attempts == 1
    assert jobs["crash"].attempts >= 1
    assert jobs["crash"].status in ("PROCESSING", "FAILED")
    given_back = jobs["slow 4000"]
    assert (given_back.status, given_back.attempts) == ("PENDING", 0)


def test_an_engine_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="none of local, ray"):
        ServerSettings(engine="spark")
