"""sync.'s own Python client against this server, over loopback."""

import asyncio
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_server import Running, free_port, wait_until
from sync import (
    ActiveSpeaker,
    AsyncSync,
    Audio,
    ElevenLabs,
    GenerationOptions,
    GenerationSegment,
    SegmentAudioInput,
    Sync,
    Tts,
    Video,
)
from sync.core.api_error import ApiError

http = httpx.Client(timeout=60)
"""Waits long enough on a busy machine."""
DONE = ("COMPLETED", "FAILED", "REJECTED")


@pytest.fixture(autouse=True, scope="module")
def connections_closed() -> Iterator[None]:
    yield
    http.close()


@pytest.fixture
def client(server: Running) -> Iterator[Sync]:
    with httpx.Client(timeout=60) as connections:
        yield Sync(base_url=server.url, api_key="not needed here", httpx_client=connections)


@pytest.fixture(scope="module")
def asset(server: Running, clip: Path) -> dict[str, Any]:
    return upload(server.url, clip)


@pytest.fixture(scope="module")
def voice(server: Running, recording: Path) -> dict[str, Any]:
    return upload(server.url, recording)


def upload(url: str, path: Path) -> dict[str, Any]:
    """The three steps of sync.'s documentation: announce, PUT, register."""
    size = path.stat().st_size
    told = http.post(f"{url}/v2/assets/upload", json={"fileName": path.name, "contentType": "x/y", "size": size}).json()
    assert http.put(told["uploadUrl"], content=path.read_bytes()).status_code == 204
    answer = http.post(f"{url}/v2/assets", json={"url": told["url"]})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def say(text: str = "Hello.", ref: str | None = None) -> Tts:
    return Tts(provider=ElevenLabs(voice_id="EXAVITQu4vr4xnSDxMaL", script=text), ref_id=ref)


def finished(client: Sync, identifier: str) -> Any:
    wait_until(lambda: client.generations.get(identifier).status in DONE)
    return client.generations.get(identifier)


def test_create_poll_and_download(client: Sync, asset: dict[str, Any], clip: Path) -> None:
    made = client.generations.create(
        model="lipsync-2", input=[Video(asset_id=asset["id"]), say()],
        options=GenerationOptions(sync_mode="loop", temperature=0.3), output_file_name="hired",
    )  # fmt: skip
    assert made.status in ("PENDING", "PROCESSING")
    assert made.created_at.year >= 2026
    done = finished(client, made.id)
    assert (done.status, done.model, done.output_duration, done.error) == ("COMPLETED", "lipsync-2", 1.0, None)
    assert done.options.sync_mode == "loop"
    answer = http.get(done.output_url)
    assert answer.content == clip.read_bytes()
    assert 'filename="hired.mp4"' in answer.headers["content-disposition"]
    part = http.get(done.output_url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, clip.read_bytes()[10:20])


def test_create_with_files(client: Sync, clip: Path, recording: Path) -> None:
    with clip.open("rb") as video, recording.open("rb") as audio:
        made = client.generations.create_with_files(model="lipsync-2", video=video, audio=audio)
    assert finished(client, made.id).status == "COMPLETED"


def test_the_asynchronous_client(server: Running, asset: dict[str, Any]) -> None:
    async def run() -> None:
        async with httpx.AsyncClient(timeout=60) as connections:
            client = AsyncSync(base_url=server.url, api_key="k", httpx_client=connections)
            made = await client.generations.create(model="lipsync-2", input=[Video(asset_id=asset["id"]), say()])
            for _ in range(200):
                if (await client.generations.get(made.id)).status in DONE:
                    break
                await asyncio.sleep(0.05)
            assert (await client.generations.get(made.id)).status == "COMPLETED"
            assert (await client.models.list())[0].type == "lipsync"
            assert (await client.assets.list(limit=1)).items

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["bounce", "loop", "cut_off", "silence", "remap"])
def test_every_sync_mode_is_taken(client: Sync, asset: dict[str, Any], voice: dict[str, Any], mode: str) -> None:
    made = client.generations.create(
        model="sync-3", input=[Video(asset_id=asset["id"]), Audio(asset_id=voice["id"])],
        options=GenerationOptions(sync_mode=mode),
    )  # fmt: skip
    assert made.options is not None
    assert made.options.sync_mode == mode


def test_segments_and_speakers(client: Sync, asset: dict[str, Any], voice: dict[str, Any]) -> None:
    made = client.generations.create(
        model="lipsync-2", input=[Video(url=asset["url"]), Audio(asset_id=voice["id"], ref_id="a"), say(ref="t")],
        options=GenerationOptions(active_speaker_detection=ActiveSpeaker(frame_number=0, coordinates=[30, 20])),
        segments=[
            GenerationSegment(
                start_time=0, end_time=0.4, audio_input=SegmentAudioInput(ref_id="a", start_time=0, end_time=0.4)
            ),
            GenerationSegment(start_time=0.5, end_time=1, audio_input=SegmentAudioInput(ref_id="t")),
        ],
    )  # fmt: skip
    assert finished(client, made.id).status == "COMPLETED"


def test_list_by_status_and_ids(client: Sync, asset: dict[str, Any]) -> None:
    ids = [
        client.generations.create(model="lipsync-2", input=[Video(asset_id=asset["id"]), say()]).id for _ in range(3)
    ]
    for identifier in ids:
        finished(client, identifier)
    assert {g.id for g in client.generations.list(ids=ids[:2])} == set(ids[:2])
    assert set(ids) <= {g.id for g in client.generations.list(status=["COMPLETED", "FAILED"])}
    assert not client.generations.list(status=["PENDING"], ids=ids)


def test_estimate_counts_frames(client: Sync, asset: dict[str, Any], voice: dict[str, Any]) -> None:
    items: Any = [Video(asset_id=asset["id"]), Audio(asset_id=voice["id"])]
    [answer] = client.generations.estimate_cost(model="lipsync-2", input=items)
    assert (answer.estimated_frame_count, answer.estimated_generation_cost) == (25, 0)


def test_assets_are_listed_in_pages_and_found_by_name(
    client: Sync, asset: dict[str, Any], voice: dict[str, Any]
) -> None:
    page = client.assets.list(limit=1, types=["VIDEO"])
    assert [item.type for item in page.items] == ["VIDEO"]
    assert page.total_count >= 1
    found = client.assets.list(search_query="LINE.", sort_by="nameAsc", types=["AUDIO", "IMAGE"])
    assert voice["id"] in {item.id for item in found.items}
    assert asset["id"] not in {item.id for item in found.items}
    one = client.assets.get(asset["id"])
    assert (one.width, one.height, one.duration_seconds, one.format) == (64, 48, 1.0, "mp4")


def test_a_batch(client: Sync, asset: dict[str, Any]) -> None:
    item = [{"type": "video", "assetId": asset["id"]}, {"type": "text", "provider": {"script": "Hello."}}]
    bad = [item[0], {"type": "text", "provider": {"script": "fail"}}]
    payloads = [{"model": "lipsync-2", "input": item}, {"model": "lipsync-2", "input": bad}]
    lines = [{"request_id": f"r{i}", "endpoint": "/v2/generate", "payload": p} for i, p in enumerate(payloads)]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    assert client.batch.create(input=("b.jsonl", content), dry_run=True).status == "VALIDATED"
    made: Any = client.batch.create(input=("b.jsonl", content))
    wait_until(lambda: client.batch.get(made.id).status == "COMPLETED")
    done = client.batch.get(made.id)
    assert (done.metrics.total_generations, done.metrics.success_count, done.metrics.failed_count) == (2, 1, 1)
    answers = [json.loads(line) for line in http.get(done.output_url).text.splitlines()]
    assert [(a["request_id"], a["response"]["status"]) for a in answers] == [("r0", "COMPLETED"), ("r1", "FAILED")]
    assert made.id in {batch.id for batch in client.batch.list()}


def test_a_batch_with_a_wrong_line_makes_nothing(client: Sync) -> None:
    with pytest.raises(ApiError, match="Line 1") as caught:
        client.batch.create(input=("b.jsonl", b'{"request_id": "r", "payload": {"input": []}}'))
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "react-1"}, 400, "generation_unsupported_model"),
        ({"input": [{"type": "text", "provider": {"script": "Hi."}}]}, 400, "generation_video_missing"),
        ({"input": [{"type": "video", "url": "https://example.com/a.mp4"}]}, 400, "generation_audio_missing"),
        ({"input": [{"type": "video", "assetId": "nothing"}, {"type": "text", "provider": {"script": "Hi."}}]}, 400,
         "generation_input_asset_missing"),
        ({"options": {"sync_mode": "sideways"}}, 400, "generation_input_validation_failed"),
        ({"input": [{"type": "video", "url": "https://e.com/a"}, {"type": "text", "provider": {"script": "a" * 5001}}]},
         400, "generation_text_length_exceeded"),
        ({"webhookUrl": "file:///etc/passwd"}, 400, "generation_input_validation_failed"),
        ({"segments": [{"startTime": 0, "endTime": 1, "audioInput": {"refId": "x"}}]}, 400,
         "generation_input_validation_failed"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong_where_and_what_to_do(
    server: Running, asset: dict[str, Any], change: dict[str, Any], status: int, code: str
) -> None:
    body = {
        "model": "lipsync-2",
        "input": [{"type": "video", "assetId": asset["id"]}, {"type": "text", "provider": {"script": "Hello."}}],
    }
    answer = http.post(f"{server.url}/v2/generate", json=body | change)
    told = answer.json()
    assert (answer.status_code, told["statusCode"], told["errorCode"]) == (status, status, code)
    assert told["message"]
    assert told["suggestion"]
    assert code in {entry["code"] for entry in http.get(f"{server.url}/v2/errors").json()}


def test_a_failed_generation_says_why(client: Sync, asset: dict[str, Any]) -> None:
    made = client.generations.create(model="lipsync-2", input=[Video(asset_id=asset["id"]), say("fail")])
    done = finished(client, made.id)
    assert (done.status, done.error_code) == ("FAILED", "generation_text_invalid")
    assert "write words" in done.error


def test_idempotency(server: Running, asset: dict[str, Any]) -> None:
    def send(text: str, key: str) -> httpx.Response:
        items = [{"type": "video", "assetId": asset["id"]}, {"type": "text", "provider": {"script": text}}]
        return http.post(f"{server.url}/v2/generate", json={"input": items}, headers={"idempotency-key": key})

    first, again, other = send("One.", "key-1"), send("One.", "key-1"), send("Two.", "key-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["errorCode"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert send("One.", "a b").json()["errorCode"] == "INVALID_IDEMPOTENCY_KEY"
    assert send("One.", "k" * 129).status_code == 400


def test_cancel_rename_and_delete(server: Running, client: Sync, asset: dict[str, Any]) -> None:
    made = client.generations.create(model="lipsync-2", input=[Video(asset_id=asset["id"]), say("slow 400")])
    place = f"{server.url}/v2/generate/{made.id}"
    wait_until(lambda: http.get(place).json().get("progress", 0) > 0)
    assert http.delete(place).json()["errorCode"] == "generation_not_terminal"
    assert http.patch(place, json={"name": "Take two"}).json()["name"] == "Take two"
    http.post(f"{place}/cancel")
    assert finished(client, made.id).status == "REJECTED"
    assert http.delete(place).status_code == 204
    with pytest.raises(ApiError) as caught:
        client.generations.get(made.id)
    assert caught.value.status_code == 404


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted; answers the first delivery of each path with a fault."""

    got: list[tuple[str, bytes]] = []  # noqa: RUF012
    fail_first = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.headers["sync-signature"], body))
        self.send_response(500 if self.fail_first and len(self.got) == 1 else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.got, Hook.fail_first = [], False
    receiver = ThreadingHTTPServer(("127.0.0.1", free_port()), Hook)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{receiver.server_port}/hook"
    receiver.shutdown()
    receiver.server_close()


def test_the_end_is_posted_signed_and_again_when_it_was_not_taken(
    client: Sync, asset: dict[str, Any], hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synclips.server.webhooks.WAITS", (0.1, 0.1))
    Hook.fail_first = True
    made = client.generations.create(model="lipsync-2", input=[Video(asset_id=asset["id"]), say()], webhook_url=hook)
    wait_until(lambda: len(Hook.got) == 2)
    sign, body = Hook.got[1]
    told = json.loads(body)
    assert (told["id"], told["status"]) == (made.id, "COMPLETED")
    assert http.get(told["outputUrl"]).status_code == 200
    stamp, mark = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", sign).groups()  # type: ignore[union-attr]
    assert abs(int(stamp) - time.time()) < 60
    assert mark == hmac.new(b"whsec", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    time.sleep(1.5)
    assert len(Hook.got) == 2


def test_inputs_by_url_are_fetched(server: Running, client: Sync, asset: dict[str, Any]) -> None:
    place = f"{server.url}/nothing-here.mp4"
    made = client.generations.create(model="lipsync-2", input=[Video(url=place), say()])
    assert finished(client, made.id).status == "COMPLETED"  # the pretended dub does not look at it
    answer = http.post(f"{server.url}/v2/assets", json={"url": asset["url"] + "x"})
    assert answer.status_code == 403
    other = http.post(f"{server.url}/v2/assets", json={"url": place})
    assert (other.status_code, other.json()["errorCode"]) == (400, "generation_input_video_inaccessible")


def test_what_is_no_media_is_refused(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("These are notes, no video.")
    with path.open("rb") as file:
        answer = http.post(f"{server.url}/v2/generate", files={"video": file}, data={"model": "lipsync-2"})
    assert answer.json()["errorCode"] == "generation_media_metadata_missing"
    assert "notes.mp4" in answer.json()["message"]
    assert "/" not in answer.json()["message"]


def test_the_openapi_document_is_what_the_mcp_server_of_sync_reads(server: Running) -> None:
    document = http.get(f"{server.url}/api-json").json()
    operations = {
        operation["operationId"]: (method, path, operation["tags"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations["GenerateController_createGeneration"] == ("post", "/v2/generate", ["generate"])
    assert operations["GenerateController_getGeneration"] == ("get", "/v2/generate/{id}", ["generate"])
    assert {tag for _, _, tags in operations.values() for tag in tags} >= {
        "generate",
        "generations",
        "models",
        "assets",
    }
    assert document["servers"] == [{"url": server.url}]


def test_speech_is_made_alone(server: Running, asset: dict[str, Any]) -> None:
    told = http.post(f"{server.url}/v2/tts", json={"script": "Hello.", "assetId": asset["id"]}, timeout=30)
    assert told.status_code == 201, told.text
    assert (told.json()["duration"], told.json()["words"]) == (1.0, [["Hello", 0.1, 0.6]])
    assert http.get(told.json()["url"]).content[:4] == b"RIFF"
    later = http.post(f"{server.url}/v2/tts/jobs", json={"script": "Hello."})
    assert later.status_code == 202
    wait_until(lambda: http.get(later.headers["location"]).json()["status"] == "COMPLETED")


def test_faces_are_found_once(server: Running, asset: dict[str, Any]) -> None:
    place = f"{server.url}/v2/assets/{asset['id']}/faces"
    assert http.post(place).status_code == 202
    wait_until(lambda: http.get(place).json()["status"] == "COMPLETED")
    again = http.post(place).json()
    assert (again["status"], again["speaker"], again["faces"][0]["number"]) == ("COMPLETED", 1, 1)
