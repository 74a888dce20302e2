"""Splits are decided once: clips and people that come later move nobody."""

from dataclasses import replace

from synclips.corpus.splits import assign_splits
from synclips.data.grid import Split
from synclips.data.shards import ClipEntry


def clips_of(speaker: str, count: int, video: str = "a.mp4", seconds: float = 4.0) -> list[ClipEntry]:
    return [
        ClipEntry(f"{speaker}.{video[:-4]}-{k:03d}", 100, "x.tar", source=f"{speaker}/{video}", start=k * seconds)
        for k in range(count)
    ]


def splits(clips: tuple[ClipEntry, ...]) -> dict[str, Split]:
    return {clip.key: clip.split for clip in clips if clip.split is not None}


def test_one_person_keeps_a_tenth_back_in_whole_half_minutes() -> None:
    found = assign_splits(clips_of("me", 150), {}, {})  # ten minutes
    held = [clip for clip in found if clip.split == "seen"]
    assert {clip.split for clip in found} == {"train", "seen"}
    assert 0.05 <= len(held) / len(found) <= 0.15
    blocks = {int((clip.start or 0) // 30) for clip in held}
    assert all(clip.split == "seen" for clip in found if int((clip.start or 0) // 30) in blocks)


def test_few_clips_keep_one_back_and_a_single_one_none() -> None:
    assert [clip.split for clip in assign_splits(clips_of("me", 5), {}, {})].count("seen") == 1
    assert [clip.split for clip in assign_splits(clips_of("me", 1), {}, {})] == ["train"]


def test_from_ten_people_on_one_in_ten_is_not_trained_on() -> None:
    people = [clip for number in range(20) for clip in clips_of(f"p{number}", 6)]
    found = splits(assign_splits(people, {}, {}))
    apart = {key.partition(".")[0] for key, split in found.items() if split in ("validation", "unseen")}
    assert len(apart) == 2
    assert not any(split in ("train", "seen") for key, split in found.items() if key.partition(".")[0] in apart)


def test_nobody_moves_when_clips_and_people_are_added() -> None:
    few = [clip for number in range(4) for clip in clips_of(f"p{number}", 20)]
    before = splits(assign_splits(few, {}, {}))
    more = [
        *few,
        *clips_of("p1", 40, "b.mp4"),
        *(clip for number in range(4, 24) for clip in clips_of(f"p{number}", 6)),
    ]
    after = splits(assign_splits(more, before, {}))
    assert before.items() <= after.items()
    assert {after[clip.key] for clip in clips_of("p1", 40, "b.mp4")} == {"train", "seen"}
    apart = {key.partition(".")[0] for key, split in after.items() if split in ("validation", "unseen")}
    assert len(apart) == 2
    assert not apart & {"p0", "p1", "p2", "p3"}


def test_a_publishers_test_people_are_not_trained_on_and_grid_is_left_alone() -> None:
    grid = ClipEntry("s1.bbaf2n", 75, "s1.tar")
    found = assign_splits([grid, *clips_of("tv", 4), *clips_of("me", 4)], {}, {"tv.a": "unseen"})
    assert found[0] == replace(grid)
    assert {clip.split for clip in found if clip.key.startswith("tv")} <= {"validation", "unseen"}
    assert {clip.split for clip in found if clip.key.startswith("me")} <= {"train", "seen"}
