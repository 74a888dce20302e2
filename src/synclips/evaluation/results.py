"""Results of an evaluation, kept on disk one line each as they come, so that a run can stop and go on."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from synclips.errors import DataError, OutputError
from synclips.files import reason

Task = Literal["reconstruct", "cross", "silence"]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True)
class Result:
    """What one method did on one case."""

    method: str
    identity: str
    task: Task
    key: str
    driver: str
    speaker: str
    figures: dict[str, float]
    traces: dict[str, list[float]] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, str]:
        """Method, task and clip: unique in a run."""
        return self.method, self.task, self.key

    @property
    def picture(self) -> str:
        """The name, without a suffix, of its pictures in a report's folder."""
        return ".".join(self.place)


class KeptResults:
    """Results on disk, one line each; a line that a killed run left half-written is dropped."""

    def __init__(self, path: Path, judges_identity: str) -> None:
        self._path, self._judges = path, judges_identity
        found: dict[tuple[str, str, str], Result] = {}
        for line in _lines(path):
            try:
                value: dict[str, Any] = json.loads(line)
                if value.pop("judges") == judges_identity:
                    result = Result(**value)
                    found[result.place] = result
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        self._found = found

    def find(self, method: str, identity: str, task: str, key: str) -> Result | None:
        """That result, if it is there and was reached by the same `identity`."""
        result = self._found.get((method, task, key))
        return result if result is not None and result.identity == identity else None

    def add(self, result: Result) -> None:
        """Keep it.

        Raises:
            OutputError: the folder cannot be written.
        """
        self._found[result.place] = result
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as stream:
                line = json.dumps({"judges": self._judges, **asdict(result)}) + "\n"
                stream.write((line if _ends_whole(self._path) else "\n" + line).encode())
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written ({reason(error)}); choose another folder") from error


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            return True
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        yield from path.read_text(errors="replace").splitlines()


def read_results(path: Path, judges_identity: str | None = None) -> list[Result]:
    """The results in a report's results.jsonl, by those judges (None: whoever judged them); the last of each counts.

    Raises:
        DataError: the file is missing or holds none.
    """
    found: dict[tuple[str, str, str], Result] = {}
    for line in _lines(path):
        try:
            value = json.loads(line)
            if value.pop("judges", None) != judges_identity and judges_identity is not None:
                continue
            result = Result(**value)
        except (ValueError, TypeError, AttributeError):
            continue
        found[result.place] = result
    if not found:
        raise DataError(f"{path} holds no results; name the folder of a report that `synclips evaluate` wrote")
    return list(found.values())
