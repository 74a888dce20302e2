"""The queue at a rate that no test machine reaches: a discrete-event simulation with measured service times.

    python benchmarks/queue_simulation.py --measured out/batch/report.json --minutes-a-day 1e6 --cores 2000 2500 3000

Jobs arrive at random (Poisson) at a rate that swings over the day as a cosine; each waits for a free core, first come,
first served, and takes one of the measured times: those of a batch (report.json) or of benchmarks/speed.py (--json). A
core is lost now and then (a spot machine that is taken back): its job begins anew at the head of the queue, and the
core comes back later. What is measured: how long jobs wait, and how many, by the number of cores.
"""

import argparse
import heapq
import json
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DAY = 86_400.0
SHAPE = (0.55, 0.7, 0.8, 0.9, 1.0, 1.05, 1.15, 1.3, 1.55)
"""Service times as shares of their mean where none were measured."""


@dataclass(frozen=True)
class Load:
    """jobs a second on average; `swing`: share by which the rate rises and falls over the day; `hours` simulated."""

    rate: float
    swing: float
    hours: float


@dataclass(frozen=True)
class Faults:
    """Mean seconds until a core is lost (0: never), and until it is back."""

    between: float
    back: float


@dataclass(frozen=True)
class Outcome:
    """What a number of cores makes of a load: waits in seconds, utilisation, longest queue, jobs begun again."""

    cores: int
    jobs: int
    waits: np.ndarray
    utilisation: float
    longest: int
    again: int

    def row(self, scale: float = 1.0) -> str:
        """One line of the table; `cores` as they would be at full size."""
        median, p95, p99 = np.percentile(self.waits, [50, 95, 99])
        return (
            f"{round(self.cores / scale):7d} {self.jobs:9d} {self.utilisation:6.2f} "
            f"{median:9.1f} {p95:9.1f} {p99:9.1f} {self.longest:9d} {self.again:7d}"
        )


def simulate(load: Load, faults: Faults, service: Sequence[float], cores: int, seed: int = 0) -> Outcome:
    """Run the queue. `service`: seconds of a job on one core, drawn from at random."""
    rng = np.random.default_rng(seed)
    end, times = load.hours * 3600, np.asarray(service, float)
    events: list[tuple[float, int, str, int]] = []
    count = 0

    def at(time: float, kind: str, job: int = -1) -> None:
        nonlocal count
        heapq.heappush(events, (time, count, kind, job))
        count += 1

    peak = load.rate * (1 + load.swing)

    def next_arrival(time: float) -> float:
        while True:  # thinning: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", 1979
            time += rng.exponential(1 / peak)
            rate = load.rate * (1 - load.swing * np.cos(2 * np.pi * time / DAY))
            if rng.random() * peak <= rate:
                return time

    at(next_arrival(0.0), "arrive")
    if faults.between:
        at(rng.exponential(faults.between / cores), "fault")
    waiting: deque[tuple[int, float]] = deque()
    running: dict[int, float] = {}
    cancelled: set[int] = set()
    waits: list[float] = []
    free, lost, jobs, busy, longest, again, last = cores, 0, 0, 0.0, 0, 0, 0.0

    def begin(time: float) -> None:
        nonlocal free, jobs
        while free > 0 and waiting:
            _, arrived = waiting.popleft()
            waits.append(time - arrived)
            jobs += 1
            running[jobs] = arrived
            free -= 1
            at(time + float(times[rng.integers(len(times))]), "finish", jobs)

    while events and events[0][0] <= end:
        time, _, kind, job = heapq.heappop(events)
        busy += len(running) * (time - last)
        last = time
        if kind == "arrive":
            waiting.append((0, time))
            at(next_arrival(time), "arrive")
        elif kind == "finish":
            if job in cancelled:
                cancelled.discard(job)
                continue
            del running[job]
            free += 1
        elif kind == "fault":
            at(time + rng.exponential(faults.between / cores), "fault")
            if cores - lost > 0:
                lost += 1
                at(time + rng.exponential(faults.back), "back")
                if running and rng.random() < len(running) / (len(running) + max(free, 0)):
                    victim = next(iter(running))
                    waiting.appendleft((1, running.pop(victim)))
                    cancelled.add(victim)
                    again += 1
                else:
                    free -= 1
        else:
            lost -= 1
            free += 1
        begin(time)
        longest = max(longest, len(waiting))
    return Outcome(cores, len(waits), np.array(waits or [0.0]), busy / (cores * end), longest, again)


@dataclass(frozen=True)
class Cost:
    """Core-seconds of a job: `start` whatever its length, `second` for each second of video; `spread`: what single jobs
    took as shares of that."""

    start: float
    second: float
    spread: np.ndarray

    def of(self, minutes: float) -> np.ndarray:
        """Service times of jobs of so many minutes of video."""
        return (self.start + self.second * minutes * 60) * self.spread


def read_cost(path: Path, take: str) -> Cost:
    """What was measured: a report.json of `synclips batch`, or what `speed.py --json` wrote (there the rows called
    `take`). The processor's seconds count; where an older report has none, those by the clock.

    Where the longest job is at least twice the shortest, the start is told from the length by least squares; otherwise
    all of it counts as length, which is too much for short clips."""
    value = json.loads(path.read_text())
    rows = [row for row in value.get("rows", []) if row["status"] != "failed"]  # kept ones say what they took
    rows += [row for row in value.get("processes", []) if row["name"] == take]
    rows = [row for row in rows if row["duration"] > 0 and (row.get("cpu") or row["seconds"]) > 0]
    if len(rows) < 2:
        raise SystemExit(f"{path} has fewer than two rows with their time")
    took = np.array([row.get("cpu") or row["seconds"] for row in rows], float)
    long = np.array([row["duration"] for row in rows], float)
    start, second = 0.0, float(took.sum() / long.sum())
    if long.max() >= 2 * long.min():
        slope, offset = np.polyfit(long, took, 1)
        if slope > 0 and offset > 0:
            start, second = float(offset), float(slope)
    spread = took / (start + second * long)
    return Cost(start, second, spread / spread.mean())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--measured", type=Path, metavar="JSON", help="report.json of `synclips batch`, or of speed.py --json"
    )
    parser.add_argument("--take", default="first dub", help="which row of speed.py counts: first dub, second dub")
    parser.add_argument("--minutes-a-day", type=float, default=1e6, help="minutes of video a day; default 1e6")
    parser.add_argument("--minutes-a-job", type=float, default=1.0, help="default 1")
    parser.add_argument(
        "--core-seconds",
        type=float,
        help="that a minute of video costs, in place of what was measured; without either 150, see docs/scale.md",
    )
    parser.add_argument("--cores", type=int, nargs="+", default=[1800, 2000, 2400, 3000, 3600])
    parser.add_argument("--swing", type=float, default=0.6, help="of the rate over the day; default 0.6")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--fault-hours", type=float, default=48.0, help="mean time until a core is lost; 0: never")
    parser.add_argument(
        "--scale", type=float, default=0.1, help="cores and rate are simulated by this share; default .1"
    )
    args = parser.parse_args()
    cost = read_cost(args.measured, args.take) if args.measured else Cost(0.0, 2.5, np.array(SHAPE) / np.mean(SHAPE))
    if args.core_seconds:
        cost = Cost(0.0, args.core_seconds / 60, cost.spread)
    out = sys.stdout.write
    out(f"a job costs {cost.start:.1f} core-seconds and {cost.second * 60:.1f} for each minute, ")
    out(f"times {cost.spread.min():.2f} to {cost.spread.max():.2f} ({len(cost.spread)} jobs)\n")
    service = cost.of(args.minutes_a_job)
    rate = args.minutes_a_day / args.minutes_a_job / DAY * args.scale
    load, faults = Load(rate, args.swing, args.hours), Faults(args.fault_hours * 3600, 180.0)
    out(f"{rate / args.scale:.2f} jobs/s, {service.mean():.0f} s each; simulated at {args.scale:g} of the size\n")
    out("  cores      jobs   used  wait p50  wait p95  wait p99   longest   again\n")
    for cores in args.cores:
        found = simulate(load, faults, service, max(1, round(cores * args.scale)))
        out(found.row(args.scale) + "\n")


if __name__ == "__main__":
    main()
