"""What results say of themselves, how it is signed, and what `verify` makes of it."""

import stat
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from synclips.cli.main import main
from synclips.errors import ConfigError, MediaError, OutputError
from synclips.media.video import VideoWriter
from synclips.provenance.certificate import Credentials, own_credentials, read_credentials
from synclips.provenance.tags import Origin, now, read_origin, result_tags, tags_of
from synclips.provenance.verify import judge

ORIGIN = Origin(speech=True, version="1.2.3", when="2026-11-24T10:00:00Z", model="0123456789abcdef")


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    pytest.importorskip("c2pa")
    return own_credentials(tmp_path_factory.mktemp("signing"))


def write_clip(path: Path, tags: dict[str, str] | None = None, codec: Literal["h264", "vp9"] = "h264") -> Path:
    shade = np.full((32, 48, 3), 90, np.uint8)
    with VideoWriter(path, 48, 32, Fraction(25), metadata=tags, codec=codec, overwrite=True) as writer:
        for step in range(12):
            writer.write(shade + np.uint8(5 * step))
    return path


def signed_clip(path: Path, credentials: Credentials, origin: Origin = ORIGIN) -> Path:
    from synclips.provenance.c2pa_manifest import sign

    source = write_clip(path.with_stem("source"))
    write_clip(path, result_tags(origin, {}))
    sign(path, source, origin, credentials)
    return path


def trust(credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synclips.provenance.verify.known_certificate", lambda: credentials.chain)


def test_the_origin_is_read_back_as_it_was_written() -> None:
    for speech in (True, False):
        origin = Origin(speech, "0.1.0", now(), "ab" * 32)
        back = read_origin(result_tags(origin, {}))
        assert back == Origin(speech, "0.1.0", origin.when, "ab" * 8)
    assert read_origin({"comment": "holiday"}) is None


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_the_users_tags_stay_and_the_origin_is_said_once_in_every_container(tmp_path: Path, suffix: str) -> None:
    theirs = {"title": "Our garden", "artist": "Ada", "comment": "Rain at last", "major_brand": "qt"}
    codec = "vp9" if suffix == ".webm" else "h264"
    first = result_tags(ORIGIN, theirs)
    again = result_tags(Origin(False, "2", "2027-01-01T00:00:00Z", "ff"), first)
    with VideoWriter(tmp_path / f"a{suffix}", 32, 32, Fraction(25), metadata=again, codec=codec) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    tags = tags_of(tmp_path / f"a{suffix}")
    assert tags["title"] == "Our garden"
    assert tags["artist"] == "Ada"
    assert tags["comment"] == (
        "Lips are synthetic: made by SyncLips 2 at 2027-01-01T00:00:00Z with model ff. Rain at last"
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_signed_file_is_genuine_where_its_certificate_is_known(
    tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = signed_clip(tmp_path / f"a{suffix}", credentials)
    trust(credentials, monkeypatch)
    verdict = judge(path)
    assert verdict.genuine
    assert "made by SyncLips 1.2.3 at 2026-11-24T10:00:00Z" in verdict.line
    assert "Intact, signed by SyncLips user" in verdict.line


def test_the_manifest_says_what_is_synthetic_and_names_no_file(tmp_path: Path, credentials: Credentials) -> None:
    import json

    import c2pa

    path = signed_clip(tmp_path / "a.mp4", credentials)
    with c2pa.Reader(path) as reader:
        text = reader.json()
    store = json.loads(text)
    active = store["manifests"][store["active_manifest"]]
    actions = next(a for a in active["assertions"] if a["label"].startswith("c2pa.actions"))["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited", "c2pa.edited"]
    kinds = [action.get("digitalSourceType", "").rpartition("/")[2] for action in actions]
    assert kinds[1:] == ["compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"]
    assert active["ingredients"][0]["relationship"] == "parentOf"
    assert str(tmp_path) not in text
    assert "source.mp4" not in text


def test_one_changed_byte_is_found(tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    path = signed_clip(tmp_path / "a.mp4", credentials)
    trust(credentials, monkeypatch)
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + 300
    content[middle] ^= 1
    path.write_bytes(content)
    verdict = judge(path)
    assert not verdict.genuine
    assert "tampered with" in verdict.line


def test_a_changed_tag_is_found(tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    path = signed_clip(tmp_path / "a.mp4", credentials)
    trust(credentials, monkeypatch)
    path.write_bytes(path.read_bytes().replace(b"SyncLips 1.2.3 at", b"SyncLips 1.2.4 at"))
    assert "tampered with" in judge(path).line


def test_a_signature_by_one_who_is_not_known_is_not_enough(
    tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed_clip(tmp_path / "a.mp4", credentials)
    other = own_credentials(tmp_path / "other")
    trust(other, monkeypatch)
    verdict = judge(path)
    assert not verdict.genuine
    assert "not known here" in verdict.line
    assert judge(path, trusted=credentials.chain).genuine


def test_a_file_that_was_written_again_is_not_signed(
    tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(credentials, monkeypatch)
    verdict = judge(write_clip(tmp_path / "a.mp4", result_tags(ORIGIN, {})))
    assert not verdict.genuine
    assert verdict.line.endswith("It is not signed")
    assert "not made by SyncLips" in judge(write_clip(tmp_path / "b.mp4")).line


def test_containers_without_signatures_say_that_they_carry_tags_only(tmp_path: Path) -> None:
    verdict = judge(write_clip(tmp_path / "a.mkv", result_tags(ORIGIN, {})))
    assert verdict.genuine
    assert "A mkv file carries tags only" in verdict.line
    assert not judge(write_clip(tmp_path / "b.mkv")).genuine


def test_what_is_no_media_file_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(MediaError, match="not a media file"):
        judge(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="no such file"):
        judge(tmp_path / "b.mp4")


def test_a_file_that_cannot_be_signed_stays_as_it_was(tmp_path: Path, credentials: Credentials) -> None:
    from synclips.provenance.c2pa_manifest import sign

    path = write_clip(tmp_path / "a.mp4")
    before = path.read_bytes()
    broken = Credentials(b"nonsense", credentials.key, "es256")
    with pytest.raises(OutputError, match="cannot be signed"):
        sign(path, path, ORIGIN, broken)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_source_does_not_keep_a_result_from_being_signed(
    tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synclips.provenance.c2pa_manifest import sign

    path = write_clip(tmp_path / "a.mp4", result_tags(ORIGIN, {}))
    source = tmp_path / "source.mp4"
    source.write_bytes(path.read_bytes()[:500])
    sign(path, source, ORIGIN, credentials)
    trust(credentials, monkeypatch)
    assert judge(path).genuine


def test_the_own_certificate_is_made_once_and_its_key_is_for_the_user_alone(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    first = own_credentials(tmp_path / "signing")
    assert own_credentials(tmp_path / "signing") == first
    assert stat.S_IMODE((tmp_path / "signing" / "private-key.pem").stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "signing").iterdir()) == ["certificate.pem", "private-key.pem"]


def test_certificates_that_cannot_sign_are_refused_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    own_credentials(tmp_path / "a")
    own_credentials(tmp_path / "b")
    certificate, other_key = tmp_path / "a" / "certificate.pem", tmp_path / "b" / "private-key.pem"
    with pytest.raises(ConfigError, match="is not the key of"):
        read_credentials(certificate, other_key)
    with pytest.raises(ConfigError, match="is not a private key"):
        read_credentials(certificate, certificate)
    with pytest.raises(ConfigError, match="is not a certificate"):
        read_credentials(other_key, other_key)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_credentials(tmp_path / "none.pem", other_key)


def test_the_command_line_says_one_line_and_its_status(
    tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = signed_clip(tmp_path / "a.mp4", credentials)
    certificate = tmp_path / "trusted.pem"
    certificate.write_bytes(credentials.chain)
    monkeypatch.setattr("synclips.provenance.certificate.config_folder", lambda: tmp_path / "config")
    assert main(["verify", str(path), "--certificate", str(certificate)]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert "Intact, signed by" in out
    assert main(["verify", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "not known here" in err
    assert main(["verify", str(write_clip(tmp_path / "b.webm", codec="vp9")), "--json"]) == 1
    assert '"genuine": false' in capsys.readouterr().out
    assert main(["verify", str(path), "--certificate", str(path)]) == 1
    assert "is not a certificate" in capsys.readouterr().err
