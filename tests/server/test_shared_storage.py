"""Server and worker on two machines that share a database and an object store, and no folder."""

import os
from pathlib import Path

import fake_dub
import pytest
import requests
from running_server import free_port, running, wait_until

from synclips.engines import object_store
from synclips.errors import ConfigError
from synclips.media.resumable_writer import parts_folder
from synclips.server.database import Database
from synclips.server.queue import JobQueue
from synclips.server.settings import ServerSettings
from synclips.server.shared_storage import SharedStorage, open_storage
from synclips.server.storage import RESULT, StoreError
from synclips.server.worker import Task, Worker

JOB = "0f0e0d0c-0b0a-4908-8706-050403020100"


def test_a_job_goes_from_one_machine_to_another_and_its_result_back(
    bucket: str, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLIPS_FAKE_RESULT", str(clip))
    settings = ServerSettings(
        data_dir=tmp_path / "server", storage=f"{bucket}/studio", workers=0, port=free_port(), gets_per_minute=10_000
    )
    with running(settings) as server:
        with clip.open("rb") as file:
            made = requests.post(
                f"{server.url}/v2/generate",
                data={
                    "model": "lipsync-2",
                    "input": '[{"type": "text", "provider": {"script": "Hello"}}]',
                },
                files={"video": file},
                timeout=30,
            ).json()
        there = object_store.names_below(f"{bucket}/studio/uploads")
        assert len(there) == 1
        database = Database(settings.database)
        storage = SharedStorage(tmp_path / "worker", settings.storage)
        storage.create()
        seen: list[bytes] = []

        def runner(task: Task) -> dict[str, object]:
            seen.append(storage.local(there[0]).read_bytes())
            (task.results / "live.jpg").write_bytes(b"newest")
            link = f"{bucket}/studio/results/{task.job.id}/1/live.jpg"
            wait_until(lambda: object_store.exists(link))
            assert storage.result(task.job.id, 1, "live.jpg") is not None
            (task.results / "live.jpg").unlink()
            return fake_dub.fake_dub(task)

        assert Worker("w", JobQueue(database), storage, runner).run_one()
        database.close()
        assert seen == [clip.read_bytes()]
        assert not (tmp_path / "worker" / "results" / made["id"]).exists()
        done = requests.get(f"{server.url}/v2/generate/{made['id']}", timeout=10).json()
        assert done["status"] == "COMPLETED"
        assert requests.get(done["outputUrl"], timeout=10).content == clip.read_bytes()
        part = requests.get(done["outputUrl"], headers={"range": "bytes=0-9"}, timeout=10)
        assert (part.status_code, len(part.content)) == (206, 10)
        results = f"{bucket}/studio/results/{made['id']}/1"
        assert sorted(object_store.names_below(results)) == ["out.mp4", "peaks.json", "report.json", "steps.log"]
        requests.delete(f"{server.url}/v2/generate/{made['id']}", timeout=10).raise_for_status()
        assert object_store.names_below(f"{bucket}/studio/results") == []
        assert requests.get(done["outputUrl"], timeout=10).status_code == 404


def test_a_long_dub_goes_on_on_another_machine(bucket: str, tmp_path: Path) -> None:
    one, other = (SharedStorage(tmp_path / name, f"{bucket}/s") for name in ("one", "other"))
    for storage in (one, other):
        storage.create()
    folder = one.attempt(JOB, 1)
    parts = parts_folder(folder / RESULT)
    parts.mkdir()
    for name in ("00000.mp4", ".00001.half", "manifest.json"):
        (parts / name).write_bytes(name.encode())
    with one.showing(JOB, 1):
        wait_until(lambda: object_store.exists(f"{bucket}/s/work/{JOB}/1/manifest.json"))
    found = parts_folder(other.attempt(JOB, 2) / RESULT)
    assert sorted(path.name for path in found.iterdir()) == ["00000.mp4", "manifest.json"]
    assert [name for name, _ in other.unfinished()] == [JOB]
    other.remove_work(JOB)
    assert object_store.names_below(f"{bucket}/s/work") == []


def test_copies_that_were_not_used_for_a_day_are_removed(bucket: str, tmp_path: Path) -> None:
    storage = SharedStorage(tmp_path, bucket)
    storage.create()
    for name in ("old.mp4", "used.mp4"):
        object_store.write_bytes(f"{bucket}/uploads/{name}", b"bytes")
        os.utime(storage.local(name), (1e9, 1e9))
    storage.local("used.mp4")
    storage.remove_copies()
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["used.mp4"]
    assert storage.local("old.mp4").read_bytes() == b"bytes"
    with pytest.raises(FileNotFoundError):
        storage.local("never.mp4")


@pytest.mark.usefixtures("bucket")
def test_a_store_that_cannot_be_used_is_told_when_the_server_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no address of an object store"):
        ServerSettings(storage="bucket/prefix")
    with pytest.raises(StoreError, match="nosuchbucket"):
        open_storage(ServerSettings(data_dir=tmp_path, storage="s3://nosuchbucket/x"))
