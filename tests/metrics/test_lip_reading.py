"""Words are read within GRID's grammar, exactly; the lip reader learns drawn words, and its stage resumes."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_clips import draw_clip, write_store

from synclips.config import RecipeConfig
from synclips.data.dataset import ClipStore
from synclips.data.grid import PLACES
from synclips.errors import CheckpointError, DataError
from synclips.metrics.lip_reading import (
    load_lip_reader,
    most_likely_sentence,
    read_lips,
    vocabulary,
    word_error_rate,
)
from synclips.models.checkpoint import save_model
from synclips.models.lip_reader import BLANK, LipReader, ctc
from synclips.training.lip_reader import LIP_READER, LipReaderStage, frame_classes, spoken
from synclips.training.loop import from_seed, run_stage

SENTENCE = ("bin", "blue", "at", "f", "two", "now")
TIMES = tuple((0.4 + 0.3 * i, 0.7 + 0.3 * i, word) for i, word in enumerate(SENTENCE))


def test_the_grammar_is_grids() -> None:
    assert [len(place) for place in PLACES] == [4, 4, 4, 25, 10, 4]
    assert len(vocabulary()) == 51
    assert BLANK not in vocabulary().values()
    for name, word in zip("bbaf2n", SENTENCE, strict=True):
        assert word in vocabulary(), name


def test_word_errors_are_counted() -> None:
    assert word_error_rate(SENTENCE, SENTENCE) == 0
    assert word_error_rate(SENTENCE, ()) == 1
    assert word_error_rate(SENTENCE, ("lay", *SENTENCE[1:])) == pytest.approx(1 / 6)
    assert word_error_rate(SENTENCE, SENTENCE[:3]) == pytest.approx(1 / 2)
    assert word_error_rate(("f",), ("g", "h", "i")) == 3
    with pytest.raises(ValueError, match="no word was spoken"):
        word_error_rate((), SENTENCE)


def path_of(words: tuple[str, ...], frames: int = 60, blank_between: bool = True) -> np.ndarray:
    """Log-probabilities that are sure of a sentence."""
    classes = np.full(frames, BLANK)
    for number, word in enumerate(words):
        start = 5 + number * 8
        classes[start : start + (5 if blank_between else 8)] = vocabulary()[word]
    logits = np.zeros((frames, 52), np.float32)
    logits[np.arange(frames), classes] = 12
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize("blank_between", [True, False])
def test_a_sure_path_is_read(blank_between: bool) -> None:
    words = ("place", "white", "with", "q", "zero", "please")
    assert most_likely_sentence(path_of(words, blank_between=blank_between)) == words


def test_a_missing_word_is_filled_in_by_the_grammar() -> None:
    log_probs = path_of(SENTENCE)
    log_probs[29:34] = np.log(1 / 52)
    log_probs[31, vocabulary()["g"]] += 0.5
    read = most_likely_sentence(log_probs)
    assert (*read[:3], *read[4:]) == (*SENTENCE[:3], *SENTENCE[4:])
    assert read[3] == "g"


def best_score(log_probs: np.ndarray, classes: tuple[int, ...]) -> float:
    """The best alignment of one sentence, by trying every way to cut the frames (words and optional blanks)."""
    states = [BLANK, *itertools.chain.from_iterable((c, BLANK) for c in classes)]
    score = np.full(len(states), -np.inf)
    score[:2] = log_probs[0, states[:2]]
    for row in log_probs[1:]:
        before = [score, np.r_[-np.inf, score[:-1]], np.r_[-np.inf, -np.inf, score[:-2]]]
        before[2][::2] = -np.inf  # a blank is not jumped into from the blank before
        score = np.max(before, axis=0) + row[states]
    return float(max(score[-2:]))


def test_the_sentence_read_is_the_likeliest_of_all() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        logits = rng.normal(0, 2, (9, 52))
        log_probs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
        read = most_likely_sentence(log_probs)
        found = best_score(log_probs, tuple(vocabulary()[w] for w in read))
        # all rivals that differ in one or two places, and many at random
        places = [[vocabulary()[w] for w in place] for place in PLACES]
        own = [vocabulary()[w] for w in read]
        rivals = [tuple(rng.choice(place) for place in places) for _ in range(2000)]
        for k, place in enumerate(places):
            rivals += [(*own[:k], c, *own[k + 1 :]) for c in place]
        assert max(best_score(log_probs, rival) for rival in rivals) <= found + 1e-6


@pytest.mark.parametrize("frames", [0, 3, 5])
def test_too_short_a_clip_reads_nothing(frames: int) -> None:
    assert most_likely_sentence(np.zeros((frames, 52), np.float32)) == ()


def test_ctc_is_smallest_for_the_right_sentence() -> None:
    log_probs = torch.from_numpy(path_of(SENTENCE))[None]
    frames = torch.tensor([60])
    right, wrong = (
        float(ctc(log_probs, torch.tensor([[vocabulary()[w] for w in words]]), frames))
        for words in (SENTENCE, ("lay", "red", "by", "g", "one", "soon"))
    )
    assert right < 0.5 < wrong


def test_words_lie_where_they_are_seen() -> None:
    clip = replace(draw_clip(0), words=((0.0, 0.4, "sil"), *TIMES, (2.2, 3.0, "sil")))
    assert spoken(clip) == SENTENCE
    classes = frame_classes(clip, 0)
    assert classes[9] == classes[56] == BLANK
    assert classes[10] == vocabulary()["bin"]
    assert (frame_classes(clip, 4)[6:20] == classes[10:24]).all()
    assert spoken(replace(clip, words=TIMES[:4])) == ()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    clips = [
        replace(draw_clip(seed, speaker="s2", name=name), words=TIMES)
        for seed, name in ((50, "bbaf2n"), (51, "bbaf3n"))
    ]
    return ClipStore(write_store(tmp_path_factory.mktemp("store"), clips))


def test_the_reader_learns_and_a_resumed_run_equals_an_uninterrupted_one(store: ClipStore, tmp_path: Path) -> None:
    config = replace(LIP_READER, steps=4, batch=2, validate=2, warmup=1, rate=2e-3)
    recipe = RecipeConfig(precision="fp32")
    device = torch.device("cpu")

    def stage() -> LipReaderStage:
        with from_seed(recipe):
            return LipReaderStage(store, recipe, device, config)

    whole = run_stage(stage(), recipe, tmp_path / "whole")

    class StoppedError(Exception):
        pass

    def stop(_stage: str, done: int, _total: int) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_stage(stage(), recipe, tmp_path / "parts", on_progress=stop)
    parts = run_stage(stage(), recipe, tmp_path / "parts")
    one, _ = load_lip_reader(whole)
    two, metadata = load_lip_reader(parts)
    assert metadata["stage"] == "lip_reader"
    for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    losses = [line for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines() if '"validate"' in line]
    assert len(losses) == 2
    assert len(read_lips(one, store["s2.bbaf2n"].crops)) == 6


def test_its_order_of_clips_is_no_other_stages(store: ClipStore) -> None:
    stage = LipReaderStage(store, RecipeConfig(), torch.device("cpu"), replace(LIP_READER, steps=1))
    from synclips.data.dataset import BalancedSampler

    for other in ("pretrain", "motion", "finetune"):
        theirs = BalancedSampler(list(store.entries), 0, other)
        orders = [s.draw(s.rng(step), 64) for s in (stage.sampler, theirs) for step in range(2)]
        assert orders[:2] != orders[2:]


def test_a_corpus_without_sentences_is_refused(tmp_path: Path) -> None:
    silent = ClipStore(write_store(tmp_path, [replace(draw_clip(1, speaker="s2"), words=())]))
    with pytest.raises(DataError, match="no training clip has its sentence"):
        LipReaderStage(silent, RecipeConfig(), torch.device("cpu"))


def test_another_checkpoint_is_no_lip_reader(tmp_path: Path) -> None:
    save_model(tmp_path / "other.safetensors", LipReader(51), {"stage": "pretrain"})
    with pytest.raises(CheckpointError, match="not a lip reader"):
        load_lip_reader(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_lip_reader(tmp_path / "absent.safetensors")
