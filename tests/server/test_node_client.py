"""sync.'s own Node client against this server, over loopback."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from running_server import Running, node_modules

PROGRAM = Path(__file__).with_name("node_client.mjs")


def test_the_node_client_creates_polls_lists_and_estimates(server: Running, clip: Path, recording: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed (Debian: apt-get install nodejs npm)")
    folder = node_modules("@sync.so/sdk")
    command = [node, str(PROGRAM), str(folder), server.url, str(clip), str(recording)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["statuses"] == ["COMPLETED", "COMPLETED"]
    assert told["mode"] == "loop"
    assert told["bytes"] == clip.stat().st_size
    assert "lipsync-2" in told["models"]
    assert told["frames"] > 1
    assert told["listed"] == [told["id"]]
    assert told["refused"] == 404
