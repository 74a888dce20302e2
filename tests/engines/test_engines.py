"""Engines do every item once, whoever dies meanwhile: processes here, and a Ray cluster of two nodes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synclips.engines.engine import Lost, open_engine
from synclips.engines.local import LocalEngine
from synclips.errors import BackendError, DataError

CLUSTER = """
import os, sys, threading, time
from pathlib import Path
from ray.cluster_utils import Cluster
from synclips.engines.engine import open_engine

folder = Path(sys.argv[1])

def work(number):
    started = folder / f"{number}.started.{os.getpid()}"
    started.touch()
    time.sleep(2.0)
    (folder / f"{number}.done").write_text(os.environ.get("RAY_NODE_NAME", ""))
    return number * number

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=2)
cluster.wait_for_nodes()

def kill():
    # all three processors are at work, so at least one item is in the middle on the second node
    while len(list(folder.glob("*.started.*"))) - len(list(folder.glob("*.done"))) < 3:
        time.sleep(0.02)
    cluster.remove_node(second, allow_graceful=False)

killer = threading.Thread(target=kill)
killer.start()
results = list(open_engine("ray", address=cluster.address).run(work, list(range(8))))
killer.join()
again = len(list(folder.glob("*.started.*"))) - 8
print(sorted(results) == [(n, n * n) for n in range(8)], again > 0, flush=True)
os._exit(0)
"""


def square(number: int) -> int:
    return number * number


def dies_of_three(item: tuple[Path, int]) -> int:
    folder, number = item
    if number == 3:
        os._exit(1)
    with (folder / f"{number}.{time.monotonic_ns()}").open("w"):
        return number * number


def refuses_two(number: int) -> int:
    if number == 2:
        raise DataError("two cannot be used")
    return number


def test_processes_do_every_item_once() -> None:
    results = list(LocalEngine(2).run(square, [3, 1, 2]))
    assert sorted(results) == [(1, 1), (2, 4), (3, 9)]


def test_one_worker_works_in_order_in_this_process() -> None:
    assert list(LocalEngine(1).run(lambda n: n + 1, [5, 4])) == [(5, 6), (4, 5)]


def test_the_item_that_kills_its_process_is_lost_and_no_other(tmp_path: Path) -> None:
    results = dict(LocalEngine(2).run(dies_of_three, [(tmp_path, n) for n in range(5)]))
    assert isinstance(results[tmp_path, 3], Lost)
    assert {n: results[tmp_path, n] for n in (0, 1, 2, 4)} == {0: 0, 1: 1, 2: 4, 4: 16}


def test_an_error_of_the_work_ends_the_run() -> None:
    with pytest.raises(DataError, match="two cannot"):
        list(LocalEngine(2).run(refuses_two, [1, 2, 3]))


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendError, match="synclips\\[ray\\]"):
        open_engine("ray")


@pytest.mark.long
def test_a_node_killed_midway_costs_no_item(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    folder = tmp_path / "items"
    folder.mkdir()
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout.split()[-2:] == ["True", "True"], done.stderr[-2000:]
    assert len(list(folder.glob("*.done"))) == 8
