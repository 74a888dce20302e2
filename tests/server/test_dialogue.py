"""Transcriptions and edited dialogue over HTTP; the generation is made by sync.'s own client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_server import Running, wait_until
from sync import Sync, Video

from synclips.server.answers import ApiError
from synclips.server.dialogue import TranscriptBody, WordEdit, changes_of, shown_transcript, transcript_of
from synclips.speech.edits import Change
from synclips.speech.transcript import Transcript, TranscriptWord

http = httpx.Client(timeout=60)


@pytest.fixture(autouse=True, scope="module")
def connections_closed() -> Iterator[None]:
    yield
    http.close()


@pytest.fixture(scope="module")
def asset(server: Running, clip: Path) -> dict[str, Any]:
    size = clip.stat().st_size
    place = {"fileName": clip.name, "contentType": "video/mp4", "size": size}
    told = http.post(f"{server.url}/v2/assets/upload", json=place).json()
    assert http.put(told["uploadUrl"], content=clip.read_bytes()).status_code == 204
    return dict(http.post(f"{server.url}/v2/assets", json={"url": told["url"]}).json())


def finished(url: str) -> dict[str, Any]:
    wait_until(lambda: http.get(url).json()["status"] in ("COMPLETED", "FAILED", "REJECTED"))
    return dict(http.get(url).json())


@pytest.fixture(scope="module")
def transcript(server: Running, asset: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(f"{server.url}/v2/transcriptions", json={"sourceVideoUrl": asset["url"]})
    assert answer.status_code == 201, answer.text
    done = finished(f"{server.url}/v2/transcriptions/{answer.json()['id']}")
    assert (done["status"], done["speakerCount"]) == ("COMPLETED", 1)
    return dict(done["transcript"])


def test_words_have_ids_and_milliseconds(transcript: dict[str, Any]) -> None:
    [line] = transcript["segments"]
    assert line["words"][1] == {"id": "w1", "text": "dollars", "startMs": 300, "endMs": 700, "confidence": 0.9}


def test_the_same_video_is_not_heard_twice(server: Running, asset: dict[str, Any], transcript: dict[str, Any]) -> None:
    first, second = (
        http.post(f"{server.url}/v2/transcriptions", json={"assetId": asset["id"]}).json() for _ in range(2)
    )
    assert first["id"] == second["id"]
    assert second["transcript"] == transcript


def test_an_edit_is_heard_and_then_made_by_syncs_client(
    server: Running, asset: dict[str, Any], transcript: dict[str, Any]
) -> None:
    body = {"assetId": asset["id"], "transcript": transcript, "edits": [{"wordIds": ["w1"], "text": "euros"}]}
    answer = http.post(f"{server.url}/v2/dialogue-edits", json=body)
    assert answer.status_code == 201, answer.text
    done = finished(f"{server.url}/v2/dialogue-edits/{answer.json()['id']}")
    assert done["resultSlots"][0]["text"] == "euros"
    assert http.get(done["previewAudioUrl"]).headers["content-type"] == "audio/wav"
    client = Sync(base_url=server.url, api_key="not needed here", httpx_client=http)
    made = client.generations.create(
        model="lipsync-2", input=[Video(asset_id=asset["id"])],
        request_options={"additional_body_parameters": {"dialogueEdit": {"id": done["id"]}}},
    )  # fmt: skip
    wait_until(lambda: client.generations.get(made.id).status in ("COMPLETED", "FAILED"))
    shown = http.get(f"{server.url}/v2/generate/{made.id}").json()
    assert (shown["status"], shown["dialogueEdit"]["edits"]) == ("COMPLETED", body["edits"])
    assert "transcript" not in shown["dialogueEdit"]
    report = http.get(shown["reportUrl"]).json()
    assert report["spans"][0]["new"] == "euros"


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([{"wordIds": ["w9"], "text": "x"}], "no word 'w9'"),
        ([{"wordIds": ["w0", "w2"], "text": "x"}], "follow each other"),
        ([{"wordIds": ["w0", "w1"], "text": "x"}, {"wordId": "w1", "text": "y"}], "Two edits"),
        ([{"text": "x"}], "names words"),
        ([{"afterWordId": "w1"}], "needs text"),
        ([{"wordIds": ["w1"], "text": "…"}], "nothing to speak"),
        ([], "at least 1 item"),
    ],
)
def test_wrong_edits_are_refused_before_a_job(
    server: Running, asset: dict[str, Any], transcript: dict[str, Any], edits: list[Any], words: str
) -> None:
    body = {"assetId": asset["id"], "transcript": transcript, "edits": edits}
    answer = http.post(f"{server.url}/v2/dialogue-edits", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    given = {"transcript": transcript, "edits": edits}
    generation = {"input": [{"type": "video", "assetId": asset["id"]}], "dialogueEdit": given}
    assert http.post(f"{server.url}/v2/generate", json=generation).status_code == 400


def test_what_is_not_there_or_does_not_go_together(
    server: Running, asset: dict[str, Any], transcript: dict[str, Any]
) -> None:
    for path, body, status in (
        ("transcriptions", {}, 400),
        ("transcriptions", {"assetId": "nobody"}, 400),
        ("transcriptions", {"sourceVideoUrl": "file:///secret.mp4"}, 400),
        ("generate", {"input": [{"type": "video", "assetId": asset["id"]}], "dialogueEdit": {"id": "nobody"}}, 400),
    ):
        answer = http.post(f"{server.url}/v2/{path}", json=body)
        assert answer.status_code == status, answer.text
    assert http.get(f"{server.url}/v2/transcriptions/nobody").status_code == 404
    assert http.get(f"{server.url}/v2/dialogue-edits/nobody").status_code == 404
    said = {"type": "text", "provider": {"script": "Hello."}}
    both = {
        "input": [{"type": "video", "assetId": asset["id"]}, said],
        "dialogueEdit": {"transcript": transcript, "edits": [{"wordIds": ["w1"], "text": "euros"}]},
    }
    assert "leave out" in http.post(f"{server.url}/v2/generate", json=both).json()["message"]


def test_ids_become_runs_of_words_and_back() -> None:
    words = tuple(TranscriptWord(word, k * 0.5, k * 0.5 + 0.4, 0.9) for k, word in enumerate(["a", "b", "c", "d"]))
    body = TranscriptBody.model_validate(shown_transcript(Transcript(words, 2.0)))
    assert transcript_of(body).words == words
    edits = [
        WordEdit.model_validate(edit)
        for edit in ({"afterWordId": "w3", "text": "e"}, {"wordIds": ["w2", "w1"], "text": ""})
    ]
    assert changes_of(body, edits) == [Change(1, 3, ""), Change(4, 4, "e")]
    with pytest.raises(ApiError):
        transcript_of(TranscriptBody.model_validate({"segments": [{"words": []}]}))
