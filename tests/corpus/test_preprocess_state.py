"""Shards that are complete are not made again, whichever version wrote what they were made of."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from synclips.corpus.jobs import Job, finished
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
