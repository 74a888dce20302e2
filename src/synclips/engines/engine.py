"""The interface of engines: a function and its inputs go in, results come out as they are ready."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar, get_args, runtime_checkable

EngineName = Literal["local", "ray"]
ENGINES: Final[tuple[str, ...]] = get_args(EngineName)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """What comes instead of a result whose worker died each time that it was tried."""

    reason: str


@runtime_checkable
class Engine(Protocol):
    """Does the same work on many items."""

    def run(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result | Lost]]:
        """`work` of each item, in the order in which they are done.

        `work` is a function of a module, items and results can be pickled. It must be safe to do an item again: where
        a worker dies its item is given to another one. An error that `work` raises ends the run, and is raised here.
        """


def open_engine(name: EngineName, workers: int | None = None, address: str | None = None) -> Engine:
    """The engine called so.

    workers:  processes, or tasks at once; None: as many as there are cores
    address:  of `ray`: the cluster's; None: that of RAY_ADDRESS, else one is started on this machine

    Raises:
        BackendError: `ray` is not installed, or its cluster does not answer.
    """
    if name == "ray":
        from synclips.engines.ray_engine import RayEngine

        return RayEngine(workers, address)
    from synclips.engines.local import LocalEngine

    return LocalEngine(workers)
