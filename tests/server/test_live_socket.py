"""The WebSocket of live speech, by a real client over loopback."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import fake_live
import numpy as np
import pytest
import requests
from running_server import Running, free_port, running
from small_models import write_generator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from synclips.media.live_pictures import live_pictures
from synclips.server.live_messages import FRAME
from synclips.server.settings import ServerSettings

FAKE_LIVE = (sys.executable, fake_live.__file__)
QUARTER = bytes(2 * 4000)
"""A quarter of a second of silence at 16 kHz."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose sessions only pretend."""
    settings = ServerSettings(
        data_dir=tmp_path_factory.mktemp("live"), port=free_port(), workers=0, posts_per_minute=100_000,
        live_sessions=2, live_seconds=3.0, live_message_bytes=20_000,
    )  # fmt: skip
    with running(settings, live_command=FAKE_LIVE) as server:
        yield server


@pytest.fixture(scope="module")
def asset(live: Running, clip: Path) -> str:
    """An uploaded video."""
    return uploaded(live, clip)


def uploaded(server: Running, path: Path) -> str:
    made = requests.post(
        f"{server.url}/v2/assets/upload", json={"fileName": path.name, "size": path.stat().st_size}, timeout=10
    ).json()
    requests.put(made["uploadUrl"], data=path.read_bytes(), timeout=10).raise_for_status()
    requests.post(f"{server.url}/v2/assets", json={"url": made["url"]}, timeout=30).raise_for_status()
    return str(made["assetId"])


def opened(server: Running, **more: Any) -> AbstractContextManager[ClientConnection]:
    return connect(server.url.replace("http", "ws") + "/v2/live", max_size=None, **more)


@contextmanager
def started(server: Running, **start: Any) -> Iterator[ClientConnection]:
    with opened(server) as socket:
        socket.send(json.dumps({"type": "start"} | start))
        yield socket


def texts_until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next text message of a kind."""
    while True:
        message = socket.recv(timeout=60)
        if isinstance(message, str) and json.loads(message)["type"] == kind:
            return dict(json.loads(message))


def closing(socket: ClientConnection) -> tuple[int, str]:
    """Take messages until the server closes; its code and reason."""
    try:
        while True:
            socket.recv(timeout=30)
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")


def test_frames_come_in_order_with_time_and_sound(live: Running, asset: str) -> None:
    with started(live, assetId=asset, rate=8000) as socket:
        assert texts_until(socket, "ready")["delay"] == 0.2
        sound = np.arange(2400, dtype="<i2").tobytes()
        socket.send(sound[:1000])
        socket.send(sound[1000:])
        heard = b""
        for number in range(7):
            message = socket.recv(timeout=10)
            assert isinstance(message, bytes)
            index, seconds, size = FRAME.unpack_from(message)
            assert (index, seconds, size) == (number, number / 25, 640)
            heard += message[FRAME.size : FRAME.size + size]
            assert message[FRAME.size + size :] == b"picture"
        assert sound.startswith(heard)
        socket.send('{"type": "end"}')
        assert texts_until(socket, "done") == {"type": "done", "frames": 7}
        assert closing(socket) == (1000, "done")


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (b"\0\0", 4400, "before the message of type start"),
        ("nonsense", 4400, "JSON"),
        ('{"type": "begin"}', 4400, "type"),
        ('{"type": "start"}', 4400, "either assetId or generationId"),
        ('{"type": "start", "assetId": "../../etc/passwd"}', 4404, "no such asset"),
        ('{"type": "start", "generationId": "none"}', 4404, "no such generation"),
        ('{"type": "start", "assetId": "$", "rate": 1}', 4400, "rate"),
        ('{"type": "start", "assetId": "$", "format": "gif"}', 4400, "format"),
        ('{"type": "start", "assetId": "$", "face": 9}', 4422, "no face 9"),
        ('{"type": "start", "assetId": "$", "face": "crash"}', 1011, "process has ended"),
    ],
)
def test_a_wrong_beginning_closes_with_code_and_reason(
    live: Running, asset: str, sent: str | bytes, code: int, words: str
) -> None:
    with opened(live) as socket:
        socket.send(sent.replace("$", asset) if isinstance(sent, str) else sent)
        shown = texts_until(socket, "error")
        assert words in shown["message"]
        assert shown["suggestion"]
        assert closing(socket)[0] == code


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (b"\0\0\0", 4400, "even number"),
        (b"RIFF" + bytes(40), 4400, "audio file"),
        (bytes(20_002), 4413, "20,000"),
        ('{"type": "start"}', 4400, "type"),
    ],
)
def test_wrong_speech_closes_with_code_and_reason(
    live: Running, asset: str, sent: str | bytes, code: int, words: str
) -> None:
    with started(live, assetId=asset) as socket:
        texts_until(socket, "ready")
        socket.send(sent)
        found, reason = closing(socket)
        assert found == code
        assert words in reason


def test_sessions_are_limited_in_number_and_time(live: Running, asset: str) -> None:
    with started(live, assetId=asset) as first:
        texts_until(first, "ready")
        with started(live, assetId=asset) as second:
            found, reason = closing(second)
            assert found == 4429
            assert "1 at a time" in reason
        begun = time.monotonic()
        found, reason = closing(first)
        assert found == 4408
        assert "3 s" in reason
        assert time.monotonic() - begun < 6
    with started(live, assetId=asset) as again:
        texts_until(again, "ready")


def test_pages_of_other_sites_and_other_names_are_refused_before_the_connection_opens(live: Running) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(live, origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    assert b"other sites" in (refused.value.response.body or b"")


def test_a_key_is_needed_where_there_are_keys(tmp_path: Path) -> None:
    from synclips.server.access import Keys
    from synclips.server.database import Database

    settings = ServerSettings(data_dir=tmp_path, port=free_port(), workers=0)
    database = Database(settings.database)
    database.create()
    keys = Keys(database)
    key, reads = keys.create("one"), keys.create("two", ("read",))
    with running(settings, live_command=FAKE_LIVE) as server:
        for headers, start, code in (
            ({}, {}, 4401),
            ({"x-api-key": "slk_wrong"}, {}, 4401),
            ({"x-api-key": reads}, {}, 4403),
            ({"Authorization": f"Bearer {key}"}, {}, 4404),
            ({}, {"apiKey": key}, 4404),
        ):
            with opened(server, additional_headers=headers) as socket:
                socket.send(json.dumps({"type": "start", "assetId": "none"} | start))
                assert closing(socket)[0] == code
    database.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose sessions show a real face, by a small model that was not trained."""
    folder = tmp_path_factory.mktemp("real")
    write_generator(folder / "small.safetensors")
    settings = ServerSettings(
        data_dir=folder / "data", port=free_port(), workers=0, checkpoint=str(folder / "small.safetensors")
    )
    with running(settings) as server:
        yield server


@pytest.fixture(scope="module")
def portrait(real: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The asset of a photograph with a face."""
    from synclips.data.portrait import demo_portrait

    path = tmp_path_factory.mktemp("portrait") / "face.png"
    cv2.imwrite(str(path), demo_portrait()[60:380, 80:400, ::-1])
    return uploaded(real, path)


def test_a_real_face_idles_and_speaks_by_the_clock(real: Running, portrait: str) -> None:
    with started(real, assetId=portrait, seconds=1) as socket:
        ready = texts_until(socket, "ready")
        assert (ready["width"], ready["height"], ready["fps"]) == (320, 320, 25)
        tone = (8000 * np.sin(np.arange(8000) * 0.3)).astype("<i2").tobytes()
        numbers, sounds, pictures = [], [], []
        while len(numbers) < 40:
            message = socket.recv(timeout=60)
            if isinstance(message, str):
                continue
            number, _, size = FRAME.unpack_from(message)
            numbers.append(number)
            sounds.append(any(message[FRAME.size : FRAME.size + size]))
            pictures.append(cv2.imdecode(np.frombuffer(message[FRAME.size + size :], np.uint8), cv2.IMREAD_COLOR))
            if len(numbers) == 4:
                socket.send(tone)
        assert numbers == list(range(40))
        assert not any(sounds[:4])  # nothing had been said: the person waits
        assert sum(sounds) in (12, 13)  # the half second of speech, whole
        assert pictures[0].shape == (320, 320, 3)
        assert any(not np.array_equal(pictures[0], picture) for picture in pictures[1:4])


def test_each_picture_of_h264_is_an_access_unit_that_can_be_decoded_at_once() -> None:
    encoder, decoder = live_pictures("h264", 321, 240), av.CodecContext.create("h264", "r")
    shown = []
    for number in range(55):
        unit = encoder.next(np.full((240, 321, 3), 4 * number, np.uint8), number)
        assert unit.startswith(b"\0\0\0\1")
        shown += [frame.to_ndarray(format="rgb24") for frame in decoder.decode(av.Packet(unit))]
    assert len(shown) == 55
    assert [round(float(frame.mean()) / 4) for frame in shown] == list(range(55))
