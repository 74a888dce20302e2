"""Fixtures that more than one test module uses."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips beside the repository; the test is skipped where it is absent."""
    if not (SHARED_DATA / "grid").is_dir():
        pytest.skip("the real clips of ../shared/data are not on this machine")
    return SHARED_DATA.resolve()


@pytest.fixture(scope="session")
def grid_clips(shared_data: Path) -> Path:
    """Real GRID clips in the layout that the downloader leaves: <speaker>/<utterance>.mpg or .mp4 and .align."""
    return shared_data / "grid"
