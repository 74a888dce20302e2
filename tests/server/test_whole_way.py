"""A real dub through the API: upload, faces, a text by segments and a recording, with the library's own runner."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_dub import write_tone
from fastapi.testclient import TestClient
from PIL import Image
from small_models import write_generator

from synclips.data.portrait import demo_portrait
from synclips.media.audio import Waveform
from synclips.media.video import VideoWriter, probe
from synclips.server.app import create_app
from synclips.server.dub_runner import DubRunner
from synclips.server.settings import ServerSettings
from synclips.server.worker import Worker
from synclips.speech.tts.hibari import HibariSynthesizer

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of the portrait, with noise."""
    path = tmp_path_factory.mktemp("video") / "me.mp4"
    image = np.asarray(Image.fromarray(demo_portrait()).resize((240, 240)))
    noise = 0.1 * np.random.default_rng(0).standard_normal(24_000).clip(-3, 3)
    with VideoWriter(path, 240, 240, Fraction(25), audio=Waveform(noise.astype(np.float32), 16_000)) as writer:
        for _ in range(38):
            writer.write(image)
    return path


def test_upload_faces_dub_segments_and_report(video: Path, tmp_path: Path) -> None:
    model = write_generator(tmp_path / "model.safetensors")
    settings = ServerSettings(data_dir=tmp_path / "data", workers=0, checkpoint=str(model), device="cpu")
    app = create_app(settings, background=False)
    own = app.state.services
    worker = Worker("w", own.queue, own.storage, DubRunner(settings, own.database, own.storage))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:

        def local(url: str) -> str:
            return url.partition(":8000")[2]

        def upload(path: Path) -> str:
            told = client.post("/v2/assets/upload", json={"fileName": path.name, "size": path.stat().st_size}).json()
            assert client.put(local(told["uploadUrl"]), content=path.read_bytes()).status_code == 204
            return str(client.post("/v2/assets", json={"url": told["url"]}).json()["id"])

        asset = upload(video)
        assert client.post(f"/v2/assets/{asset}/faces").status_code == 202
        worker.run_one()
        found = client.get(f"/v2/assets/{asset}/faces").json()
        assert found["status"] == "COMPLETED", found
        assert [face["number"] for face in found["faces"]] == [1]
        assert client.get(local(found["faces"][0]["picture"])).content[:4] == b"\x89PNG"

        def dub(body: dict[str, Any]) -> dict[str, Any]:
            made = client.post("/v2/generate", json=body)
            assert made.status_code == 201, made.text
            worker.run_one()
            done: dict[str, Any] = client.get(f"/v2/generate/{made.json()['id']}").json()
            assert done["status"] == "COMPLETED", done
            return done

        seen = {"type": "video", "assetId": asset}
        heard = {"type": "audio", "assetId": upload(write_tone(tmp_path / "line.wav"))}
        point = {"frame_number": 3, "coordinates": [120, 60]}
        options = {"sync_mode": "silence", "active_speaker_detection": point, "synclips": {"quality": 30}}
        done = dub({"input": [seen, heard], "options": options})
        (tmp_path / "got.mp4").write_bytes(client.get(local(done["outputUrl"])).content)
        info = probe(tmp_path / "got.mp4")
        assert (info.width, info.height) == (240, 240)
        assert done["outputDuration"] == pytest.approx(1.52, abs=0.05)
        report = client.get(local(done["reportUrl"])).json()
        assert report["sync_mode"] == "silence"
        assert report["options"]["quality"] == 30
        assert str(tmp_path) not in json.dumps(report)
        assert "synthetic" in report["provenance"]
        assert report["sync"]["step"] == 0.2
        assert len(report["sync"]["scores"]) == pytest.approx(1.52 * 5, abs=1)
        assert not list((tmp_path / "data" / "results").rglob("preview_*"))
        peaks = client.get(local(done["peaksUrl"])).json()
        assert len(peaks) == pytest.approx(50 * 1.52, abs=4)
        assert 0 < max(peaks) <= 1

        segments = [{"startTime": 0.3, "endTime": 1.2, "audioInput": {"refId": "a", "startTime": 0, "endTime": 0.9}}]
        scene = dub({"input": [seen, heard | {"refId": "a"}], "segments": segments})
        report = client.get(local(scene["reportUrl"])).json()
        [line] = report["speech"]["lines"]
        assert (line["synthesizer"], line["start"]) == ("recording", 0.3)
        assert scene["outputDuration"] == pytest.approx(1.52, abs=0.05)


def test_a_word_is_edited_by_the_librarys_own_runner(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    spoken = HibariSynthesizer().synthesize("It costs twelve dollars a month.").waveform.resampled(16_000)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(spoken.samples) + 12_000)
    sound = Waveform((np.pad(spoken.samples, (6_000, 6_000)) + noise).astype(np.float32), 16_000)
    image = np.asarray(Image.fromarray(demo_portrait()).resize((240, 240)))
    video = tmp_path / "talk.mp4"
    with VideoWriter(video, 240, 240, Fraction(25), audio=sound) as writer:
        for _ in range(round(sound.duration * 25)):
            writer.write(image)
    model = write_generator(tmp_path / "model.safetensors")
    settings = ServerSettings(data_dir=tmp_path / "data", workers=0, checkpoint=str(model), device="cpu")
    app = create_app(settings, background=False)
    own = app.state.services
    worker = Worker("w", own.queue, own.storage, DubRunner(settings, own.database, own.storage))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:

        def done(path: str, body: dict[str, Any]) -> dict[str, Any]:
            made = client.post(path, json=body)
            assert made.status_code == 201, made.text
            worker.run_one()
            found = client.get(f"{path}/{made.json()['id']}").json()
            assert found["status"] == "COMPLETED", found
            return dict(found)

        place = client.post("/v2/assets/upload", json={"fileName": "talk.mp4", "size": video.stat().st_size}).json()
        client.put(place["uploadUrl"].partition(":8000")[2], content=video.read_bytes())
        asset = client.post("/v2/assets", json={"url": place["url"]}).json()["id"]
        transcript = done("/v2/transcriptions", {"assetId": asset})["transcript"]
        words = [word for segment in transcript["segments"] for word in segment["words"]]
        [twelve] = [word["id"] for word in words if word["text"].lower() == "twelve"]
        edits = [{"wordIds": [twelve], "text": "seven"}]
        heard = done("/v2/dialogue-edits", {"assetId": asset, "transcript": transcript, "edits": edits})
        [slot] = heard["resultSlots"]
        assert "seven" in slot["text"]
        assert 300 < slot["sourceStartMs"] < slot["sourceEndMs"] < 1700
        source = [{"type": "video", "assetId": asset}]
        generation = done("/v2/generate", {"input": source, "dialogueEdit": {"id": heard["id"]}})
        report = client.get(generation["reportUrl"].partition(":8000")[2]).json()
        assert report["spans"][0]["result_start"] == pytest.approx(slot["startMs"] / 1000, abs=0.01)
        assert "seven" in report["text"]
        assert str(tmp_path) not in json.dumps(report)
        assert generation["outputDuration"] == pytest.approx(heard["durationMs"] / 1000, abs=0.1)
