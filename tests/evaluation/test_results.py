"""Means, intervals and differences are what the bootstrap says; pages and charts hold what they are given."""

import re

import numpy as np
import pytest

from synclips.evaluation.charts import changes, strip, timeline
from synclips.evaluation.html import Cell, Page
from synclips.evaluation.metric_table import MEASURES
from synclips.evaluation.results import Result, by_speaker, differences, estimate, ranked, summarise


def result(key: str, value: float, method: str = "a", measure: str = "lve") -> Result:
    return Result(method, "", "cross", key, "", key.split(".")[0], {measure: value})


def test_equal_values_have_no_interval() -> None:
    found = estimate([2.0, 2.0, 2.0], ["s1", "s1", "s2"])
    assert (found.mean, found.low, found.high, found.clips, found.speakers) == (2, 2, 2, 3, 2)


def test_the_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(10, 2, 400)
    found = estimate(list(values), ["s1"] * 400)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)
    assert found.low < values.mean() < found.high


def test_clips_of_one_speaker_count_as_one_draw() -> None:
    """Ten copies of each speaker's clip tell nothing new: the interval must not shrink."""
    few = estimate([1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "d"])
    many = estimate([1.0, 2.0, 3.0, 4.0] * 10, ["a", "b", "c", "d"] * 10)
    assert (many.low, many.high) == pytest.approx((few.low, few.high))


def test_equal_seeds_give_equal_intervals() -> None:
    values, speakers = [1.0, 5.0, 2.0], ["a", "b", "c"]
    assert estimate(values, speakers) == estimate(values, speakers)


def test_groups_and_speakers_are_told_apart() -> None:
    results = [result("s1.x", 1.0), result("s2.x", 3.0), result("s10.x", 5.0), result("s1.x", 9.0, "b")]
    assert summarise(results)["cross", "a", "lve"].mean == 3
    assert list(by_speaker(results)) == ["s1", "s2", "s10"]
    assert by_speaker(results)["s1"]["cross", "b", "lve"].mean == 9


def test_figures_that_are_not_finite_are_left_out() -> None:
    found = summarise([result("s1.x", 1.0), result("s1.y", float("nan")), result("s1.z", float("inf"))])
    assert found["cross", "a", "lve"].clips == 1


def test_differences_pair_clip_with_clip() -> None:
    a = [result(f"s{i}.x", float(i)) for i in range(1, 9)]
    b = [result(f"s{i}.x", i - 0.5, "b") for i in range(2, 12)]
    one, two, change = differences(a, b, "a", "b")["cross", "lve"]
    assert one.clips == two.clips == change.clips == 7
    assert (change.mean, change.low, change.high) == pytest.approx((-0.5, -0.5, -0.5))


@pytest.mark.parametrize(
    ("measure", "order"), [("psnr_mouth", [3, 2, 1]), ("lve", [1, 2, 3]), ("sharpness_ratio", [1, 2, 3])]
)
def test_ranks_go_from_best_to_worst(measure: str, order: list[int]) -> None:
    results = [result(f"s1.{n}", float(n), measure=measure) for n in (2, 3, 1)]
    assert [int(r.figures[measure]) for r in ranked(results, "a", "cross", measure)] == order


def test_measures_know_which_way_is_better() -> None:
    assert MEASURES["psnr_mouth"].gain(30.0, 28.0) == 2
    assert MEASURES["lve"].gain(4.0, 3.0) == -1
    assert MEASURES["sharpness_ratio"].gain(0.9, 1.3) == pytest.approx(0.2)


def test_a_page_escapes_what_it_is_given_and_needs_nothing_beside_it() -> None:
    page = Page("<script>")
    page.table(["<a>", "b"], [[Cell("<i>", "<s>", "better")], [Cell("x")]], own=[1])
    page.terms([("&", "<u>")])
    page.chart(b"png", 'quo"te')
    text = page.render()
    assert not re.search(r"<(script|a|i|s|u)>", text)
    assert "quo&#34;te" in text
    assert re.findall(r'(?:src|href)="(\w+):', text) == ["data"]


def test_strips_and_changes_show_what_moved() -> None:
    crops = np.full((5, 144, 144, 3), 100, np.uint8)
    crops[3] = 110
    moved = changes(crops)
    assert (moved[[0, 1, 2]] == 128).all()
    assert (moved[3] == 168).all()
    assert (moved[4] == 88).all()
    assert strip([crops, moved])[:2] == b"\xff\xd8"


def test_a_timeline_bears_gaps() -> None:
    png = timeline([0.0, 1.0, 2.0], [("x", {"a": [1.0, float("nan"), 2.0], "b": [0.0] * 3}), ("y", {"c": [1.0] * 3})])
    assert png.startswith(b"\x89PNG")
