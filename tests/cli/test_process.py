"""The process around a command: libraries do not chatter, and an unusable home folder is said once, by us."""

import logging
import os
import subprocess
import sys

from synclips.cli.process import calm_process

CHATTER = """
from synclips.cli.process import calm_process
with calm_process():
    import matplotlib
    matplotlib.get_configdir()
print("done")
"""


def test_matplotlib_is_quiet_where_the_home_folder_cannot_be_written() -> None:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MPL"))}
    run = subprocess.run(
        [sys.executable, "-c", CHATTER],
        env=keep | {"HOME": "/proc/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (run.stdout, run.stderr) == ("done\n", "")


def test_logs_are_as_before_afterwards() -> None:
    before = logging.root.manager.disable
    with calm_process():
        assert not logging.getLogger("anything").isEnabledFor(logging.WARNING)
        assert logging.getLogger("anything").isEnabledFor(logging.ERROR)
    assert logging.root.manager.disable == before
    with calm_process(chatter=True):
        assert logging.root.manager.disable == before
