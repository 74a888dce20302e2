"""Shards that are complete are not made again, whichever version wrote what they were made of."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from synclips.corpus.footage import FootageSettings
from synclips.corpus.jobs import FootageJob, Job, finished, is_of
from synclips.corpus.utterance import Settings
from synclips.data.grid import Utterance, sentence_of
from synclips.data.shards import sha256_of


@pytest.mark.parametrize(("key", "kept"), [("s1.bbaf2n", True), ("s1/bbaf2n", True), ("s1.bbaf2p", False)])
def test_a_complete_shard_of_the_same_clips_is_kept(tmp_path: Path, key: str, kept: bool) -> None:
    shard = tmp_path / "s1-000.tar"
    shard.write_bytes(b"clips")
    utterance = Utterance("s1", "bbaf2n", tmp_path / "bbaf2n.mpg", None, sentence_of("bbaf2n"))
    state = {
        "settings": asdict(Settings()),
        "utterances": [key],
        "sha256": sha256_of(shard),
        "clips": [],
        "rejects": [],
    }
    shard.with_suffix(".json").write_text(json.dumps(state))
    assert (finished(Job(shard, (utterance,), Settings())) is not None) == kept


def test_a_state_of_before_a_setting_existed_is_of_its_default(tmp_path: Path) -> None:
    job = FootageJob(tmp_path / "me-v000.tar", (), FootageSettings(), ("me.talk",))
    settings = asdict(job.settings)
    del settings["transcribe"]
    state = {"settings": json.loads(json.dumps(settings)), "utterances": ["me.talk"]}
    assert is_of(state, job)
    assert not is_of(state, replace(job, settings=FootageSettings(transcribe="tiny.en")))
