"""Dates and money in other languages are said as people there say them."""

import builtins
from typing import Any

import pytest

from synclips.speech.reading import read_line
from synclips.speech.text.foreign import foreign_words

pytest.importorskip("babel")
pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("fr", "Le 3/4/2026, 5,50 € ou $5.", "Le 3 avril 2026, cinq euros et cinquante centimes ou cinq dollars."),
        ("fr", "Le 1/4/2026 à 14h30", "Le premier avril 2026 à 14:30"),
        ("fr", "1 234,50 €", "mille deux cent trente-quatre euros et cinquante centimes"),
        ("de", "Am 3.4.2026 um acht.", "Am dritten April 2026 um acht."),
        ("de", "der 3. April 1984", "der dritte April neunzehnhundertvierundachtzig"),
        ("de", "3. Mai, 1.234 €", "dritter Mai, eintausendzweihundertvierunddreißig Euro"),
        ("es", "El 3/4/2026 cuesta 5,50 €.", "El 3 de abril de 2026 cuesta cinco euros con cincuenta céntimos."),
        ("es-MX", "$1,234.50", "mil doscientos treinta y cuatro dólares con cincuenta centavos"),
        ("pt-BR", "R$ 5 em 1/4/2026", "5 Reais brasileiros em primeiro de abril de 2026"),
        ("nl", "€ 5,50", "vijf euro, vijftig cent"),
        ("pl", "2 zł", "dwa złote"),
        ("ru", "3.4.2026", "3 апреля 2026 года"),
        ("no", "5 kr", "fem kroner"),
        ("sv", "3 april, 5,50 kr", "tredje april, 5 svenska kronor 50"),
        ("hr", "3.4.2026.", "3. travnja 2026."),
        ("ja", "2026-04-03 5€", "2026-04-03 5 ユーロ"),
        ("hu", "5,50 €", "5 euró 50"),
    ],
)
def test_as_people_say_it(language: str, written: str, spoken: str) -> None:
    assert foreign_words(written, language).replace("\u00a0", " ").replace("\u202f", " ") == spoken


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("fr", "32/13/2026 1.2.3.4 12/5 3,5 kg 25 % $1,5 Mio 007"),
        ("de", "1984 m, 1.984, 3,5 kg, Nr. 3, 12.30 Uhr"),
        ("xx", "$5 3.4.2026"),
        ("fr", "€"),
    ],
)
def test_other_numbers_stay(language: str, written: str) -> None:
    assert foreign_words(written, language).replace("neunzehnhundertvierundachtzig", "1984") == written


def test_a_line_is_read_so() -> None:
    pytest.importorskip("espeakng_loader")
    [sentence] = read_line("Le billet coûte 5,50 € pour le 3/4/2026.").sentences
    assert sentence.text == "Le billet coûte cinq euros et cinquante centimes pour le 3 avril 2026."
    [sentence] = read_line("El vuelo del 3/4/2026 cuesta $1,234.50 hoy", "es-MX").sentences
    assert "mil doscientos treinta y cuatro dólares" in sentence.text


@pytest.mark.parametrize("missing", ["babel", "num2words"])
def test_without_the_libraries(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == missing:
            raise ImportError(name)
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    said = foreign_words("Am 3.4.2026: 5 €", "de")
    assert said == ("Am 3.4.2026: 5 €" if missing == "babel" else "Am 3. April 2026: 5 Euro")
