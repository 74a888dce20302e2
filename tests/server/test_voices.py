"""Voices that are kept from a recording, and what is spoken in them; with the library's own runner."""

from pathlib import Path
from typing import Any

import pytest
from fake_dub import write_tone
from fastapi.testclient import TestClient

from synclips.media.audio import read_audio, write_wav
from synclips.server import expiry
from synclips.server.app import create_app
from synclips.server.dub_runner import DubRunner
from synclips.server.settings import ServerSettings
from synclips.server.worker import Worker
from synclips.speech.synthesis import speak

SAID = "This is how I speak when nobody interrupts me, and I can go on like this for a while."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("voices")
    settings = ServerSettings(data_dir=folder / "data", workers=0, device="cpu")
    app = create_app(settings, background=False)
    own = app.state.services
    worker = Worker("w", own.queue, own.storage, DubRunner(settings, own.database, own.storage))
    worker_thread(worker)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client, own, folder
    worker.stop()


def worker_thread(worker: Worker) -> None:
    import threading

    threading.Thread(target=worker.run, daemon=True).start()


def upload(client: TestClient, path: Path) -> str:
    told = client.post("/v2/assets/upload", json={"fileName": path.name, "size": path.stat().st_size}).json()
    assert client.put(told["uploadUrl"].partition(":8000")[2], content=path.read_bytes()).status_code == 204
    return str(client.post("/v2/assets", json={"url": told["url"]}).json()["id"])


def test_a_voice_is_kept_spoken_in_and_deleted(server: Any) -> None:
    client, own, folder = server
    recording = folder / "me.wav"
    write_wav(recording, speak(SAID, synthesizer="hibari").waveform)
    made = client.post("/v2/voices", json={"name": "Me", "assetId": upload(client, recording)})
    assert made.status_code == 201, made.text
    voice = made.json()
    assert voice["cloned"] is True
    assert voice["name"] == "Me"
    assert 2 < voice["seconds"] < 8
    listed = client.get("/v2/voices").json()
    assert listed[0]["id"] == voice["id"]
    assert not listed[1]["cloned"]

    line = client.post("/v2/tts", json={"script": "Hello there.", "voiceId": voice["id"]})
    assert line.status_code == 201, line.text
    assert not any("silent" in note for note in line.json()["notes"])
    sound = client.get(line.json()["url"].partition(":8000")[2]).content
    (folder / "line.wav").write_bytes(sound)
    assert read_audio(folder / "line.wav").duration > 0.5

    expiry.sweep(own.database, own.storage, keep_days=1.0, now=4e9)  # everything else is older than a day then
    assert [v["id"] for v in client.get("/v2/voices").json() if v["cloned"]] == [voice["id"]]
    assert client.post("/v2/tts", json={"script": "Still here.", "voiceId": voice["id"]}).status_code == 201

    assert client.delete(f"/v2/voices/{voice['id']}").status_code == 204
    assert client.delete(f"/v2/voices/{voice['id']}").status_code == 404
    assert not [v for v in client.get("/v2/voices").json() if v["cloned"]]
    assert not own.storage.results(voice["id"]).exists()


def test_what_has_no_voice_is_refused_with_its_reason(server: Any) -> None:
    client, _, folder = server
    tone = upload(client, write_tone(folder / "tone.wav"))
    refused = client.post("/v2/voices", json={"name": "Tone", "assetId": tone})
    assert refused.status_code == 400, refused.text
    assert "speech" in refused.json()["message"] or "reference" in refused.json()["message"]
    assert client.post("/v2/voices", json={"name": "Nobody", "assetId": "none"}).status_code == 404
    assert client.post("/v2/voices", json={"name": " ", "assetId": tone}).status_code == 400
    assert client.delete("/v2/voices/hibari").status_code == 404


def test_segments_are_spoken_in_one_kept_voice_or_refused(tmp_path: Path) -> None:
    from synclips.dubbing.options import DubOptions
    from synclips.server.requests import TextInput
    from synclips.server.worker import JobFailed

    settings = ServerSettings(data_dir=tmp_path / "data", workers=0)
    own = create_app(settings, background=False).state.services
    runner = DubRunner(settings, own.database, own.storage)
    job = own.queue.submit("voice", "local", {"assetId": "x"}, name="Me")
    claim = own.queue.claim("w")
    assert claim is not None
    own.queue.complete(claim, {"file": "voice.wav", "seconds": 3.0, "fence": claim.fence})
    speech = own.storage.results(job.id) / str(claim.fence) / "voice.wav"
    speech.parent.mkdir(parents=True)
    speech.touch()

    def texts(*voices: str) -> list[TextInput]:
        return [
            TextInput.model_validate({"type": "text", "provider": {"name": "x", "script": "Hi.", "voiceId": voice}})
            for voice in voices
        ]

    chosen = runner._in_voice(DubOptions(), "local", texts(job.id, job.id))
    assert chosen.voice_reference == speech
    assert runner._in_voice(DubOptions(), "somebody", texts(job.id)).voice_reference is None
    assert runner._in_voice(DubOptions(), "local", texts("a", "b")) == DubOptions()
    with pytest.raises(JobFailed, match="one voice"):
        runner._in_voice(DubOptions(), "local", texts(job.id, "auto"))
    speech.unlink()
    with pytest.raises(JobFailed, match="'Me' is not there any more"):
        runner._in_voice(DubOptions(), "local", texts(job.id))
