"""The simulated queue against what queueing theory says of it."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from queue_simulation import Faults, Load, read_cost, simulate

NEVER = Faults(0.0, 1.0)


def test_one_core_waits_as_pollaczek_and_khinchine_say() -> None:
    """M/D/1 at utilisation r: the mean wait is r s / (2 (1 - r))."""
    found = simulate(Load(0.5, 0.0, 24.0), NEVER, [1.4], 1)
    assert abs(found.utilisation - 0.7) < 0.02
    assert np.isclose(found.waits.mean(), 0.7 * 1.4 / (2 * 0.3), rtol=0.1)


def test_too_few_cores_let_the_queue_grow_and_lost_ones_cost_no_job() -> None:
    few = simulate(Load(1.0, 0.0, 1.0), NEVER, [10.0], 8)
    assert few.waits[-1] > 500
    enough = simulate(Load(1.0, 0.0, 1.0), Faults(3600.0, 60.0), [10.0], 16)
    assert enough.again > 0
    assert abs(enough.jobs - enough.again - 3600) < 250


def test_the_start_is_told_from_the_length(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    rows = [{"status": "done", "duration": d, "seconds": 99.0, "cpu": 10 + 3 * d} for d in (2.0, 5.0, 11.0)]
    rows.append({"status": "failed", "duration": 0.0, "seconds": 1.0, "cpu": 1.0})
    report.write_text(json.dumps({"rows": rows}))
    cost = read_cost(report, "first dub")
    assert np.allclose([cost.start, cost.second], [10, 3])
    assert np.allclose(cost.of(2.0), 370)
    report.write_text(json.dumps({"processes": [
        {"name": "second dub", "duration": 5.0, "cpu": 20.0, "seconds": 9.0},
        {"name": "second dub", "duration": 5.0, "cpu": 40.0, "seconds": 9.0},
        {"name": "limit", "duration": 5.0, "cpu": 1.0, "seconds": 9.0},
    ]}))  # fmt: skip
    cost = read_cost(report, "second dub")
    assert np.allclose([cost.start, cost.second], [0, 6])
    assert np.allclose(cost.spread, [2 / 3, 4 / 3])
