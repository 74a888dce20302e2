"""The normaliser against the table of what engines get wrong, and against what is not text at all."""

import pytest

from synclips.errors import TextError
from synclips.speech.text.normalise import LONGEST_TEXT, normalise, spoken_sentences
from synclips.speech.text.numbers import cardinal, number_words, ordinal, year
from synclips.speech.text.pauses import (
    BREATH_PAUSE,
    CLAUSE_PAUSE,
    CUT_PAUSE,
    PARAGRAPH_PAUSE,
    SENTENCE_PAUSE,
    with_pauses,
    word_count,
)

WRITTEN_AND_SPOKEN = [
    ("2pm", "two P M"),
    ("$5", "five dollars"),
    ("$5.50", "five dollars fifty cents"),
    ("$1", "one dollar"),
    ("$0.99", "ninety nine cents"),
    ("$3.5 million and $2bn", "three point five million dollars and two billion dollars"),
    ("-$20", "minus twenty dollars"),
    ("€5, £3.20, USD 20, 5€", "five euros, three pounds twenty pence, twenty dollars, five euros"),
    ("Dr. Smith, Baker St.", "Doctor Smith, Baker Street."),
    ("St. Paul met Mr. J. Jones", "Saint Paul met Mister J Jones"),
    ("3/4/2026", "March fourth, twenty twenty six"),
    ("25/12/1999", "December twenty fifth, nineteen ninety nine"),
    ("2026-03-04", "March fourth, twenty twenty six"),
    ("March 4, 2026", "March fourth, twenty twenty six"),
    ("4 March 2026", "the fourth of March, twenty twenty six"),
    ("on Jan. 5th", "on January fifth"),
    ("20°C or 68 °F", "twenty degrees Celsius or sixty eight degrees Fahrenheit"),
    ("1,234 people", "one thousand two hundred thirty four people"),
    ("the 2nd, 21st", "the second, twenty first"),
    ("10% of 3.5 %", "ten percent of three point five percent"),
    ("555-1234", "five five five, one two three four"),
    ("(212) 555-1234", "two one two, five five five, one two three four"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("3:45 a.m. today", "three forty five A M today"),
    ("at 5 p.m. We left", "at five P M. We left"),
    ("14:05, 10:00, 2:30pm", "fourteen oh five, ten o'clock, two thirty P M"),
    ("1:02:03", "one hour two minutes three seconds"),
    ("60 mph & rising", "sixty miles per hour and rising"),
    (
        "1 kg, 5 km/h, 16GB, 100 m2",
        "one kilogram, five kilometers per hour, sixteen gigabytes, one hundred square meters",
    ),
    ("6'2\" tall", "six feet two tall"),
    ("https://www.example.com/a-b.", "w w w dot example dot com slash a dash b."),
    ("me@site.co.uk", "me at site dot co dot uk"),
    ("e.g. this, i.e. that, etc.", "for example, this, that is, that, et cetera."),
    ("the U.S. economy", "the U S economy"),
    ("No. 5 and #3", "number five and number three"),
    ("½ cup, 2½, 3/4, 1/3", "one half cup, two and a half, three quarters, one third"),
    ("24/7", "twenty four seven"),
    ("in 1984, in 2026, 1990s, '90s", "in nineteen eighty four, in twenty twenty six, nineteen nineties, nineties"),
    ("pages 5-10, 3–4", "pages five to ten, three to four"),
    ("-5, 3.14, 007, v1.2.3", "minus five, three point one four, zero zero seven, one point two point three"),
    ("AT&T = 1 + 1", "AT and T equals one plus one"),
    ("“Curly” ‘quotes’ — it’s", "Curly quotes, it's"),
    ("wow😀 great 👍🏽!", "wow great!"),
    ("café naïve Łódź", "cafe naive Lodz"),
    ("ﬁne ＡＢＣ", "fine ABC"),
    ("Wait... what?!", "Wait. what?"),
    ("bin blue by a seven now", "bin blue by eigh seven now"),
    ("a bin with a 2", "a bin with a two"),
    ("Chapter IV, Act I. Part II", "Chapter four, Act one. Part two"),
    ("Henry VIII's wives; Louis XIV", "Henry the Eighth's wives; Louis the Fourteenth"),
    ("Elizabeth I and Henry V", "Elizabeth the First and Henry the Fifth"),
    ("World War II and World War I were", "World War two and World War one were"),
    ("Rocky II, Super Bowl LVIII, Apollo XI", "Rocky two, Super Bowl fifty eight, Apollo eleven"),
    ("Chapter I wrote; Charles I think so", "Chapter I wrote; Charles I think so"),
    ("It is I! In Part I'm right, I say", "It is I! In Part I'm right, I say"),
    ("Give IV drugs, Malcolm x, a CD MIX", "Give IV drugs, Malcolm x, a CD MIX"),
    ("Hello\x00\x07 there\u200b!", "Hello there!"),
]


@pytest.mark.parametrize(("written", "spoken"), WRITTEN_AND_SPOKEN)
def test_written_is_spoken(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


@pytest.mark.parametrize(("written", "spoken"), WRITTEN_AND_SPOKEN)
def test_spoken_text_stays_as_it_is(written: str, spoken: str) -> None:
    del written
    assert normalise(spoken) == spoken


def test_markup_is_not_read_out() -> None:
    (sentence,) = spoken_sentences('<speak>Fish <break time="1s"/> &amp; chips</speak>')
    assert sentence.text == "Fish and chips"


def test_sentences_and_pauses() -> None:
    sentences = spoken_sentences("Hello. Dr. Smith is in!\n\nReally? Yes")
    assert [sentence.text for sentence in sentences] == ["Hello.", "Doctor Smith is in!", "Really?", "Yes"]
    pauses = [sentence.pause for sentence in sentences]
    assert pauses[1] > pauses[0] > 0
    assert pauses[-1] == 0


def test_the_voice_rests_where_people_do() -> None:
    clause = "we walked along the river until the sun had set, "
    text = f"{clause * 7}and then home. Yes. {'It was a very long day for all of us there. ' * 2}No.\n\nEnd."
    sentences = spoken_sentences(text)
    assert [sentence.pause for sentence in sentences] == [
        CLAUSE_PAUSE,
        BREATH_PAUSE,
        SENTENCE_PAUSE,
        SENTENCE_PAUSE,
        BREATH_PAUSE,
        PARAGRAPH_PAUSE,
        0.0,
    ]
    assert CUT_PAUSE < CLAUSE_PAUSE < SENTENCE_PAUSE < BREATH_PAUSE < PARAGRAPH_PAUSE
    assert spoken_sentences(" ".join(["word"] * 100))[0].pause == CUT_PAUSE
    assert word_count("two words") == 2
    assert word_count("おはようございます") == 5
    assert with_pauses([]) == ()


def test_a_sentence_too_long_for_an_engine_is_cut_and_nothing_is_lost() -> None:
    words = [f"word{'abcdefghij'[index % 10]}" for index in range(300)]
    sentences = spoken_sentences(" ".join(words))
    assert max(len(sentence.text) for sentence in sentences) <= 300
    assert " ".join(sentence.text for sentence in sentences).split() == words


@pytest.mark.parametrize("text", ["", "   \n", "😀😀👍🏽", "!!! ... —", "<speak></speak>", "\x00\x01", "\u200b\ufeff"])
def test_nothing_to_speak(text: str) -> None:
    with pytest.raises(TextError, match="nothing to speak"):
        spoken_sentences(text)


@pytest.mark.parametrize(
    ("text", "word"), [("hello мир", "мир"), ("你好", "你好"), ("say שלום", "שלום"), ("안녕", "안녕")]
)
def test_a_script_the_voices_cannot_read_is_named(text: str, word: str) -> None:
    with pytest.raises(TextError, match=word) as caught:
        spoken_sentences(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [LONGEST_TEXT + 1, 50_000, 100_000])
def test_too_long(length: int) -> None:
    with pytest.raises(TextError, match="split it"):
        spoken_sentences("a" * length)


def test_numbers() -> None:
    assert cardinal(0) == "zero"
    assert cardinal(1_000_001) == "one million one"
    assert cardinal(10**15) == "one " + " ".join(["zero"] * 15)
    assert ordinal(12) == "twelfth"
    assert ordinal(40) == "fortieth"
    assert year(1905) == "nineteen oh five"
    assert year(2000) == "two thousand"
    assert number_words("-1,000.5") == "minus one thousand point five"
