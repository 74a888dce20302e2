"""Attacks on the server, each of which must fail."""

import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from running_server import free_port, running

from synclips.errors import ConfigError, DownloadError, MediaError
from synclips.server import fetch as fetch_module
from synclips.server.access import Keys, RateLimit
from synclips.server.answers import ApiError
from synclips.server.app import create_app
from synclips.server.database import Database
from synclips.server.fetch import ForbiddenAddressError, check_url, fetch
from synclips.server.media_check import MediaLimits, check_media
from synclips.server.settings import ServerSettings
from synclips.server.storage import Storage
from synclips.server.tables import ApiKey, Base

SMALL = 200_000
"""Bytes that an upload may have in these tests."""


def settings(folder: Path, **more: Any) -> ServerSettings:
    known: dict[str, Any] = {"data_dir": folder, "workers": 0, "max_upload_bytes": SMALL, "max_body_bytes": 50_000}
    return ServerSettings(**known | more)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings(tmp_path), background=False), base_url="http://127.0.0.1:8000") as made:
        yield made


def with_keys(folder: Path, **more: Any) -> tuple[TestClient, Keys]:
    made = settings(folder, **more)
    database = Database(made.database)
    database.create()
    keys = Keys(database)
    keys.create("first")
    return TestClient(create_app(made, background=False), base_url="http://127.0.0.1:8000"), keys


# --- keys


def test_a_server_that_others_can_reach_does_not_start_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="synclips keys --create"):
        create_app(settings(tmp_path, host="0.0.0.0"))


def test_without_the_key_nothing_is_answered_and_with_a_wrong_one_neither(tmp_path: Path) -> None:
    client, keys = with_keys(tmp_path)
    key = keys.create("laptop")
    with client:
        for path in ("/v2/generations", "/v2/assets", "/v2/models", "/v2/voices", "/v2/batch", "/metrics"):
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers={"x-api-key": "slk_wrong"}).status_code == 401, path
        assert client.post("/v2/generate", json={}).status_code == 401
        assert client.get("/v2/generations", headers={"x-api-key": key}).status_code == 200
        assert client.get("/v2/generations", headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert client.get("/healthz").status_code == 200
        assert client.get("/v2/errors").status_code == 200


def test_scopes_and_revoking_take_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synclips.server.access._KNOWN_SECONDS", 0.0)
    client, keys = with_keys(tmp_path)
    reader = keys.create("reader", ("read",))
    with client:
        head = {"x-api-key": reader}
        assert client.get("/v2/models", headers=head).status_code == 200
        assert client.post("/v2/tts", json={"script": "Hi."}, headers=head).status_code == 403
        assert client.get("/metrics", headers=head).status_code == 403
        assert keys.revoke(reader[:12]) == 1
        assert client.get("/v2/models", headers=head).status_code == 401


def test_the_database_does_not_hold_the_key(tmp_path: Path) -> None:
    _, keys = with_keys(tmp_path)
    key = keys.create("laptop")
    [row] = [row for row in keys.listed() if row.name == "laptop"]
    assert isinstance(row, ApiKey)
    assert key not in json.dumps([str(value) for value in vars(row).values()])
    assert len(key) > 40
    assert key != keys.create("laptop")
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.glob("synclips.sqlite*"))


def test_nobody_gets_what_belongs_to_another_key(tmp_path: Path, clip: Path) -> None:
    client, keys = with_keys(tmp_path)
    mine, yours = keys.create("me"), keys.create("you")
    with client:
        head, other = {"x-api-key": mine}, {"x-api-key": yours}
        with clip.open("rb") as file:
            form = {"input": json.dumps([{"type": "text", "provider": {"script": "Hi."}}])}
            made = client.post("/v2/generate", files={"video": file}, data=form, headers=head).json()
        asset = next(item["assetId"] for item in made["input"] if "assetId" in item)
        assert client.get(f"/v2/generate/{made['id']}", headers=head).status_code == 200
        for method, path in (
            ("GET", f"/v2/generate/{made['id']}"), ("POST", f"/v2/generate/{made['id']}/cancel"),
            ("DELETE", f"/v2/generate/{made['id']}"), ("GET", f"/v2/assets/{asset}"), ("DELETE", f"/v2/assets/{asset}"),
            ("POST", f"/v2/assets/{asset}/faces"),
        ):  # fmt: skip
            assert client.request(method, path, headers=other).status_code == 404, path
        stolen = [{"type": "video", "assetId": asset}, {"type": "text", "provider": {"script": "Hi."}}]
        answer = client.post("/v2/generate", json={"input": stolen}, headers=other)
        assert answer.json()["errorCode"] == "generation_input_asset_missing"
        assert client.get("/v2/generations", headers=other).json() == []
        assert client.get("/v2/assets", headers=other).json()["items"] == []


def test_too_many_requests_are_refused_with_a_time_to_wait(tmp_path: Path) -> None:
    client, keys = with_keys(tmp_path, gets_per_minute=3)
    head, other = {"x-api-key": keys.create("a")}, {"x-api-key": keys.create("b")}
    with client:
        statuses = [client.get("/v2/models", headers=head).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert int(client.get("/v2/models", headers=head).headers["retry-after"]) >= 1
        assert client.get("/v2/models", headers=other).status_code == 200


def test_guessing_keys_is_slowed_down(tmp_path: Path) -> None:
    client, _ = with_keys(tmp_path)
    with client:
        statuses = {client.get("/v2/models", headers={"x-api-key": f"slk_{n}"}).status_code for n in range(40)}
        assert statuses == {401, 429}


def test_the_rate_limit_recovers() -> None:
    clock = [0.0]
    limit = RateLimit(60, lambda: clock[0])
    for _ in range(60):
        limit.take("a")
    with pytest.raises(ApiError):
        limit.take("a")
    clock[0] += 1.01
    limit.take("a")


# --- sizes


def test_a_body_is_refused_as_soon_as_it_is_too_long_though_it_names_no_length(tmp_path: Path) -> None:
    sent = 0
    with running(settings(tmp_path, port=free_port()), background=False) as server:

        def endless() -> Iterator[bytes]:
            nonlocal sent
            while sent < 500 * SMALL:
                sent += 65_536
                yield b"\0" * 65_536

        for path, kind in (("/v2/generate", "application/json"), ("/v2/batch", "multipart/form-data; boundary=x")):
            sent = 0
            try:
                answer = httpx.post(f"{server.url}{path}", content=endless(), headers={"content-type": kind})
                assert answer.status_code in (400, 413)
            except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
                pass  # the connection was closed while we were still sending
            assert sent < 200 * SMALL, path


def test_an_upload_may_not_be_larger_than_announced_or_allowed(client: TestClient) -> None:
    large = {"fileName": "a.mp4", "contentType": "video/mp4", "size": SMALL + 1}
    assert client.post("/v2/assets/upload", json=large).status_code == 413
    told = client.post("/v2/assets/upload", json=large | {"size": 10}).json()
    place = told["uploadUrl"].partition(":8000")[2]
    assert client.put(place, content=b"\0" * 11).status_code == 413
    assert client.put(place, content=b"\0" * 9).status_code == 400
    assert client.post("/v2/assets", json={"url": told["url"]}).status_code == 400


def test_links_are_good_for_their_own_path_purpose_and_time_only(client: TestClient, clip: Path) -> None:
    size = clip.stat().st_size
    told = client.post("/v2/assets/upload", json={"fileName": "a.mp4", "size": size}).json()
    place = told["uploadUrl"].partition(":8000")[2]
    assert client.put(place, content=clip.read_bytes()).status_code == 204
    asset = client.post("/v2/assets", json={"url": told["url"]}).json()
    read = asset["url"].partition(":8000")[2]
    assert client.get(read).content == clip.read_bytes()
    assert client.put(place, content=b"x" * size).status_code == 404  # complete: it is not replaced
    query = read.partition("?")[2]
    assert client.put(f"/v2/uploads/{asset['id']}?{query}", content=b"x").status_code == 403
    assert client.get(f"/files/uploads/{asset['id']}").status_code == 403
    assert client.get(re.sub(r"expires=\d+", "expires=99999999999", read)).status_code == 403
    assert client.get(re.sub(r"expires=\d+", "expires=1", read)).status_code == 403
    assert client.get(re.sub(r"signature=\w+", "signature=é", read)).status_code == 403
    other = read.replace(asset["id"], "00000000-0000-0000-0000-000000000000")
    assert client.get(other).status_code == 403


# --- media


def png(width: int, height: int) -> bytes:
    """A picture whose header names that size, with hardly any data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    return start + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000))
    with pytest.raises(MediaError, match="bomb"):
        check_media(tmp_path / "bomb.png", "bomb.png", MediaLimits())


def test_a_video_that_is_too_long_or_too_large_is_refused(clip: Path) -> None:
    with pytest.raises(MediaError, match="lasts 1 s, and at most 0 s"):
        check_media(clip, "clip.mp4", MediaLimits(seconds=0.4))
    with pytest.raises(MediaError, match="64 x 48"):
        check_media(clip, "clip.mp4", MediaLimits(pixels=1000))
    facts = check_media(clip, "clip.mp4", MediaLimits())
    assert (facts.type, facts.width, facts.height, facts.duration, facts.has_audio) == ("VIDEO", 64, 48, 1.0, True)


def test_a_decoder_that_wants_all_memory_or_time_takes_nothing_else_with_it(clip: Path) -> None:
    with pytest.raises(MediaError, match=r"too much memory|can(not)? be read"):
        check_media(clip, "clip.mp4", MediaLimits(memory=64 << 20))
    with pytest.raises(MediaError, match="takes too long"):
        check_media(clip, "clip.mp4", MediaLimits(cpu_seconds=0.01))


def test_the_limits_hold_in_a_process_of_its_own() -> None:
    words = "from synclips.server.media_check import limit_process; limit_process(1, 0)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", words], check=False, timeout=60)
    assert done.returncode != 0


# --- addresses


FORBIDDEN = [
    "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://0.0.0.0/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://224.0.0.1/",
    "http://239.1.2.3/", "http://[ff02::1]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://255.255.255.255/",
    "http://0177.0.0.1/", "http://2130706433/", "http://127.1/",
]  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN)
def test_addresses_that_are_not_public_are_not_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises((ForbiddenAddressError, DownloadError)) as caught:
        fetch(url, tmp_path / "file", most_bytes=1000)
    assert not (tmp_path / "file").exists()
    host = url.split("/")[2].strip("[]")
    try:
        ip_address(host)
    except ValueError:
        return  # a name, or a spelling that is none: not resolved, or found to be private
    assert isinstance(caught.value, ForbiddenAddressError)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.com/a", "gopher://example.com/", "http://user:pass@example.com/", "http:///x",
     "http://example.com:99999/", "//example.com/a", "data:video/mp4,x", "http://[/"],
)  # fmt: skip
def test_other_urls_are_refused_unseen(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_url(url)


def test_a_redirect_to_a_private_address_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own address is let through once, as if it were public; where it redirects to is not."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("location", "http://127.0.0.2:9/secret")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    receiver = HTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=receiver.handle_request, daemon=True).start()
    asked: list[str] = []

    def only_first(_host: str, address: Any, _port: int) -> bool:
        asked.append(str(address))
        return str(address) == "127.0.0.1"

    from httpx_secure import httpx_ssrf_protection

    def protected(client: Any, **_: Any) -> Any:
        return httpx_ssrf_protection(client, check_globally_reachable=False, custom_validator=only_first)

    monkeypatch.setattr(fetch_module, "httpx_ssrf_protection", protected)
    with pytest.raises(ForbiddenAddressError):
        fetch(f"http://127.0.0.1:{receiver.server_port}/", tmp_path / "file", most_bytes=1000)
    assert asked == ["127.0.0.1", "127.0.0.2"]
    receiver.server_close()


# --- paths, hosts, origins, headers


@pytest.mark.parametrize(
    "path",
    [
        "/studio/../settings.py",
        "/studio/..%2fsettings.py",
        "/studio/%2e%2e/app.py",
        "/studio//etc/passwd",
        "/studio/index.html%00.js",
        "/files/uploads/..%2f..%2fsynclips.sqlite",
        "/files/results/x/..%2f..%2fsynclips.sqlite",
    ],
)
def test_no_path_leads_out_of_what_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert b"SQLite" not in answer.content
    assert b"import" not in answer.content


def test_names_of_files_are_the_servers_own(client: TestClient, clip: Path, tmp_path: Path) -> None:
    name = "../../../evil<script>.mp4"
    with clip.open("rb") as file:
        form = {"input": json.dumps([{"type": "text", "provider": {"script": "Hi."}}])}
        made = client.post("/v2/generate", files={"video": (name, file)}, data=form)
    assert made.status_code == 201, made.text
    stored = [path.name for path in (tmp_path / "uploads").iterdir()]
    assert len(stored) == 1
    assert re.fullmatch(r"[0-9a-f-]{36}\.mp4", stored[0])
    assert not list(tmp_path.parent.glob("*evil*"))


@pytest.mark.parametrize("identifier", ["../x", "", "a/b", "0" * 36, "..", "00000000-0000-0000-0000-00000000000g"])
def test_the_storage_takes_no_other_identifier_than_its_own(tmp_path: Path, identifier: str) -> None:
    storage = Storage(tmp_path)
    for place in (storage.work, storage.results):
        with pytest.raises(ValueError, match="no identifier"):
            place(identifier)


def test_an_ending_of_a_client_is_not_taken_unless_it_is_known(tmp_path: Path) -> None:
    identifier = "00000000-0000-0000-0000-000000000000"
    storage = Storage(tmp_path)
    assert storage.upload(identifier, "a.MP4").name == f"{identifier}.mp4"
    for name in ("a.py", "a.sh", "a.mp4/../../b", "a", "a.mp4\0.py"):
        assert storage.upload(identifier, name) == tmp_path / "uploads" / f"{identifier}.bin"


def test_another_host_name_is_refused_so_that_dns_rebinding_gains_nothing(client: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "[", "evil.example:8000"):
        assert client.get("/v2/generations", headers={"host": host}).status_code == 403, host
    assert client.get("/v2/generations", headers={"host": "localhost:8000"}).status_code == 200


def test_pages_of_other_sites_can_neither_ask_nor_send(client: TestClient) -> None:
    for head in (
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, {"sec-fetch-site": "same-site"},
    ):  # fmt: skip
        answer = client.post("/v2/tts/jobs", json={"script": "Hi."}, headers=head)
        assert answer.status_code == 403, head
        assert "access-control-allow-origin" not in answer.headers
        assert client.get("/v2/generations", headers=head).status_code == 403
    assert client.options("/v2/generate", headers={"origin": "https://evil.example"}).status_code == 403
    same = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    assert client.post("/v2/tts/jobs", json={"script": "Hi."}, headers=same).status_code == 202


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/v2/generations", "/nothing", "/files/uploads/x"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    nonces = {client.get("/").headers["content-security-policy"] for _ in range(3)}
    assert len(nonces) == 3


def test_errors_tell_nothing_of_the_inside(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret words in /home/somebody")

    monkeypatch.setattr("synclips.server.submission.prepared_job", broken)
    body = {"input": [{"type": "video", "assetId": "x"}, {"type": "text", "provider": {"script": "Hi."}}]}
    quiet = TestClient(client.app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
    answer = quiet.post("/v2/generate", json=body)
    assert answer.json()["errorCode"] == "internal_error"
    assert "secret" not in answer.text


def test_texts_that_no_database_takes_are_refused(client: TestClient) -> None:
    body = {"input": [{"type": "video", "assetId": "a\u0000b"}, {"type": "text", "provider": {"script": "Hi."}}]}
    assert client.post("/v2/generate", json=body).status_code == 400
    raw = json.dumps(body).replace("a\\u0000b", "\\ud800")
    assert client.post("/v2/generate", content=raw, headers={"content-type": "application/json"}).status_code == 400
    deep = '{"input":' + "[" * 100_000
    assert client.post("/v2/generate", content=deep, headers={"content-type": "application/json"}).status_code in (
        400,
        413,
    )


def test_settings_are_read_from_the_environment_and_wrong_ones_named() -> None:
    read = ServerSettings.from_environment(
        {"SYNCLIPS_PORT": "9", "SYNCLIPS_OPEN_ACCESS": "no", "SYNCLIPS_KEEP_DAYS": "2"}
    )
    assert (read.port, read.open_access, read.keep_days) == (9, False, 2.0)
    assert ServerSettings.from_environment({"SYNCLIPS_PORT": "9"}, port=None, workers=3).port == 9
    assert ServerSettings.from_environment({"SYNCLIPS_PORT": "9"}, port=10).port == 10
    assert ServerSettings.from_environment(read.as_environment()) == read
    with pytest.raises(ConfigError, match="SYNCLIPS_PORT='x' is not a number"):
        ServerSettings.from_environment({"SYNCLIPS_PORT": "x"})


def test_tables_have_no_column_that_only_one_database_takes() -> None:
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.schema import CreateTable

    for table in Base.metadata.sorted_tables:
        for dialect in (sqlite.dialect(), postgresql.dialect()):
            assert str(CreateTable(table).compile(dialect=dialect))
