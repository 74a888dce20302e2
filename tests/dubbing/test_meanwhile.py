"""Work in a thread that is waited for later."""

import threading
import time

import pytest

from synclips.dubbing.meanwhile import meanwhile
from synclips.progress import Progress, silent


def test_the_result_comes_with_the_progress_of_the_work() -> None:
    seen: list[tuple[str, int, int]] = []

    def work(on_progress: Progress) -> str:
        on_progress("look", 1, 2)
        time.sleep(0.3)
        on_progress("look", 2, 2)
        return threading.current_thread().name

    with meanwhile(work) as wait:
        name = wait(lambda *told: seen.append(told))
    assert name.startswith("meanwhile")
    assert seen[-1] == ("look", 2, 2)


@pytest.mark.parametrize("error", [ValueError("no face"), TimeoutError("no answer")])
def test_what_the_work_raises_is_raised_where_it_is_waited_for(error: Exception) -> None:
    def work(_: Progress) -> None:
        raise error

    with pytest.raises(type(error), match=str(error)), meanwhile(work) as wait:
        wait(silent)


def test_the_work_is_given_up_when_its_result_is_not_wanted() -> None:
    begun, done = threading.Event(), []

    def work(on_progress: Progress) -> None:
        for number in range(1000):
            on_progress("look", number, 1000)
            begun.set()
            time.sleep(0.01)
            done.append(number)

    def say() -> None:
        begun.wait()
        raise ValueError("cannot be said")

    with pytest.raises(ValueError, match="cannot be said"), meanwhile(work):
        say()
    assert len(done) < 100


def test_what_is_told_of_the_progress_may_raise() -> None:
    def work(on_progress: Progress) -> None:
        for number in range(1000):
            on_progress("look", number, 1000)
            time.sleep(0.01)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), meanwhile(work) as wait:
        wait(stop)
