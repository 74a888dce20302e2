"""The simulated queue against what queueing theory says of it."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from queue_simulation import Faults, Load, simulate

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
