"""Labels in any script that a font here has: letters, not boxes; what no font has is named."""

import numpy as np
import pytest

from synclips.errors import ConfigError
from synclips.media import label_font
from synclips.media.label_font import font_for
from synclips.media.overlay import Label

GREY = np.full((90, 400, 3), 120, np.uint8)


def drawn(text: str) -> np.ndarray:
    return Label(text, 400, 90).draw(GREY)


@pytest.mark.parametrize(
    "text", ["künstlich", "Łódź", "Искусственная речь", "Συνθετική ομιλία", "ქართული", "հայերեն", "½ → ★", "Tiếng Việt"]
)
def test_every_letter_has_a_shape_of_its_own(text: str) -> None:
    font = font_for(text, 20)
    letters = sorted(set(text.replace(" ", "")))
    shapes = [(font.getlength(letter), bytes(font.getmask(letter))) for letter in letters]
    assert len(set(shapes)) == len(shapes)
    assert bytes(font.getmask("\uffff")) not in [shape for _, shape in shapes]
    assert (drawn(text) != GREY).any()


def test_two_words_that_no_latin_font_has_look_unlike() -> None:
    one, other = Label("речь", 400, 90), Label("губы", 400, 90)
    assert one.draw(GREY).tobytes() != other.draw(GREY).tobytes()


def test_words_from_right_to_left_are_shaped() -> None:
    """Arabic letters change within a word; without the library the label is refused, not drawn wrong."""
    from PIL import features

    if not features.check("fribidi"):
        with pytest.raises(ConfigError, match="from right to left"):
            drawn("كلام")
        return
    font = font_for("كلام", 20)
    assert font.getlength("كلام") < sum(font.getlength(letter) for letter in "كلام")
    assert (drawn("دיבור".replace("د", "ד")) != GREY).any()


def test_letters_that_no_font_has_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_font, "_system_folders", list)
    label_font._font_with.cache_clear()
    with pytest.raises(ConfigError, match="no font on this computer has 合 成"):
        drawn("合成")
    label_font._font_with.cache_clear()


def test_letters_high_and_low_stay_within_the_ground() -> None:
    patch = Label("Ầgạ", 400, 90)._patch
    assert patch.max() > 0.5
    assert patch[0].max() == patch[-1].max() == 0
