"""Fixtures that more than one test module uses."""

from collections.abc import Iterator
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


@pytest.fixture(autouse=True, scope="session")
def no_folders_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests see of their videos, and the certificate they sign with, go to folders of this session."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setattr("synclips.features.track_cache.cache_home", lambda: folder)
        patch.setattr("synclips.media.certificate.config_folder", lambda: folder / "config")
        yield
