"""Written forms in the usual words: units, money, numbers and dates of several countries, signs, names, letters."""

import random
import time

import pytest

from synclips.errors import ConfigError, TextError
from synclips.speech.text.conventions import LANGUAGES, conventions
from synclips.speech.text.normalise import LONGEST_TEXT, normalise, read_text, spoken_sentences

USUAL_WORDS = [
    ("A 1080p video in 720p.", "A ten eighty P video in seven twenty P."),
    ("12 µm wide.", "twelve micrometers wide."),
    ("2 kgs of rice, 120 lbs. more", "two kilograms of rice, one hundred twenty pounds more"),
    ("9.8 m/s².", "nine point eight meters per second squared."),
    ("1.2 kg/m³, 5 km², 3 m^2", "one point two kilograms per cubic meter, five square kilometers, three square meters"),
    ("5 l/100km, 20 Mbit/s", "five liters per one hundred kilometers, twenty megabits per second"),
    ("5 kΩ, 10 µF, 5 Ω", "five kilohms, ten microfarads, five ohms"),
    ("per m², in kg", "per square meter, in kilograms"),
    ("5 ft. 3 in. tall", "five feet three inches tall"),
    ("a 100-kg man", "a one hundred kilogram man"),
    ("5%–10%, 50‰", "five percent to ten percent, fifty per mille"),
    ("80s music.", "eighties music."),
    ("wait 80s, in his 30s", "wait eighty seconds, in his thirties"),
    ("On Elm Dr. in Rome.", "On Elm Drive in Rome."),
    ("12 Elm Dr. He left", "twelve Elm Drive. He left"),
    ("The 9/11 attacks.", "The nine eleven attacks."),
    ("rated 8/10, 4/5 stars, 10/10", "rated eight out of ten, four out of five stars, ten out of ten"),
    ("12½, 1⅕, ⅒, 3⁄4", "twelve and a half, one and a fifth, one tenth, three quarters"),
    ("±5 volts.", "plus or minus five volts."),
    ("x ≤ 5, y ≥ 3, z ≠ 0", "x less than or equal to five, y greater than or equal to three, z not equal to zero"),
    ("§ 5 applies, §§ 5-7", "section five applies, sections five to seven"),
    ("5-3=2, 5−3", "five minus three equals two, five minus three"),
    ("5 * 3, 5*3", "five times three, five times three"),
    ("10^6 cells, 10⁻³", "ten to the power of six cells, ten to the power of minus three"),
    ("E=mc².", "E equals m c squared."),
    ("6.02×10²³", "six point zero two times ten to the power of twenty three"),
    ("if a<b and c>d then stop", "if a less than b and c greater than d then stop"),
    ("√2, π, Δt, 1920x1080", "square root of two, pi, delta t, nineteen twenty by ten eighty"),
    ("H₂O and CO₂", "H two O and CO two"),
    ("A Ph.D. student.", "A P H D student."),
    ("M.Sc. and LL.B., a D.Phil. here", "M S C and L L B, a D Phil here"),
    ("node.js is good.", "node dot J S is good."),
    ("main.py, README.md, .NET", "main dot P Y, README dot M D, dot NET"),
    ("See Fig. 3 now.", "See Figure three now."),
    ("Eq. 5, Vol. 3, pp. 5-10", "Equation five, Volume three, pages five to ten"),
    ("Plan B. Then we go.", "Plan B. Then we go."),
    ("J.K. Rowling, J. R. R. Tolkien", "J K Rowling, J R R Tolkien"),
    ("They left, etc. The end", "They left, et cetera. The end"),
    ("Mon–Fri, 9am-5pm, 10:00–12:00", "Monday to Friday, nine A M to five P M, ten o'clock to twelve o'clock"),
    ('7/8", a 6" pipe, he said "take 5" now', "seven eighths inch, a six inches pipe, he said take five now"),
    ("E. coli, ext. 12, 5 Nm", "E coli, extension twelve, five newton meters"),
    ("JPY 10,000 and EUR 1.234,50", "ten thousand yen and one thousand two hundred thirty four euros fifty cents"),
    ("#hashtag #MeToo, C# and C++", "hashtag hashtag hashtag Me Too, C sharp and C plus plus"),
    ("the XIX century, MMXXIV", "the nineteenth century, twenty twenty four"),
    ("2024-12-05T10:30:00Z", "December fifth, twenty twenty four, ten thirty U T C"),
    ("On 05.12.2024.", "On December fifth, twenty twenty four."),
    ("5-Dec-2024, May 5–7", "the fifth of December, twenty twenty four, May fifth to seventh"),
    ("12/2024, 2024/12/05", "December twenty twenty four, December fifth, twenty twenty four"),
    ("10h30, 00:00, 16:9", "ten thirty, midnight, sixteen to nine"),
    ("from 1914-1918", "from nineteen fourteen to nineteen eighteen"),
    (
        "10 000 people, 1'234'567",
        "ten thousand people, one million two hundred thirty four thousand five hundred sixty seven",
    ),
    ("10\u202f000 and 1\xa0500 km", "ten thousand and one thousand five hundred kilometers"),
    ("1.234.567 people", "one million two hundred thirty four thousand five hundred sixty seven people"),
    ("€1.234,56 in all.", "one thousand two hundred thirty four euros fifty six cents in all."),
    ("3,5 kg, 0,125 l", "three point five kilograms, zero point one two five liters"),
    ("3,50€, 5,- €, 1 500 €", "three euros fifty cents, five euros, one thousand five hundred euros"),
    ("CHF 1'200 and 5 zł", "one thousand two hundred Swiss francs and five zlotys"),
    ("A$5.20, HK$100, 100 ₺", "five Australian dollars twenty cents, one hundred Hong Kong dollars, one hundred lira"),
    (
        "$5-10, $20/h, 50¢, $1.2M",
        "five to ten dollars, twenty dollars per hour, fifty cents, one point two million dollars",
    ),
    ("pages 1,2 and 3", "pages one, two and three"),
    ("+1 (212) 555-1234", "plus one, two one two, five five five, one two three four"),
    ("call 911 now", "call nine one one now"),
    (
        "192.168.0.1, v2.0",
        "one hundred ninety two dot one hundred sixty eight dot zero dot one, version two point zero",
    ),
    ("I ❤️ NY", "I love NY"),
    ("★★★★☆", "four out of five stars"),
    ("un\xadbe\xadliev\xadable", "unbelievable"),
    ("z\u200be\u200dr\u2060o \u202bw\u202cidth\ufeff", "zero width"),
    ("hyphen\xad\nated", "hyphenated"),
    ("Hi。Yes、no！「Go」？", "Hi. Yes, no! Go?"),
    ("١٢٣ and ４５", "one hundred twenty three and forty five"),
    ("Ilham Əliyev spoke.", "Ilham Aliyev spoke."),
    ("Łukasz, Ŋ, ẞ, ƒ, Hawaiʻi, ħ", "Lukasz, Ng, Ss, f, Hawai'i, h"),
    ("AT&amp;T &#8364;5 a&nbsp;b", "AT and T five euros a b"),
]


@pytest.mark.parametrize(("written", "spoken"), USUAL_WORDS)
def test_usual_words(written: str, spoken: str) -> None:
    assert " ".join(sentence.text for sentence in spoken_sentences(written)) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en-US", "3/4/2026", "March fourth, twenty twenty six"),
        ("en-GB", "3/4/2026", "April third, twenty twenty six"),
        ("de", "3/4/2026", "April third, twenty twenty six"),
        ("en-GB", "1,234 and 1.5", "one thousand two hundred thirty four and one point five"),
        ("de", "1.234 and 3,5", "one thousand two hundred thirty four and three point five"),
        ("fr", "1 234,5", "one thousand two hundred thirty four point five"),
        ("de-CH", "1'234.50", "one thousand two hundred thirty four point five zero"),
        ("auto", "1.234", "one point two three four"),
        (
            "auto",
            "1.234 and 5.678,90",
            "one thousand two hundred thirty four and five thousand six hundred seventy eight point nine zero",
        ),
        ("auto", "25/12/2024, 3/4/2024", "December twenty fifth, twenty twenty four, April third, twenty twenty four"),
        ("auto", "12/25/2024, 3/4/2024", "December twenty fifth, twenty twenty four, March fourth, twenty twenty four"),
    ],
)
def test_numbers_and_dates_by_language(language: str, written: str, spoken: str) -> None:
    assert normalise(written, language) == spoken


@pytest.mark.parametrize("language", ["EN_gb", "de_DE.UTF-8", "en", *LANGUAGES])
def test_languages_that_are_known(language: str) -> None:
    conventions(language, "")


def test_a_language_that_is_not_known_is_named() -> None:
    with pytest.raises(ConfigError, match="'klingon'"):
        normalise("Hello", "klingon")


@pytest.mark.parametrize("written", ["A Ph.D. student", "See Fig. 3 now", "node.js is good", "approx. 5 and cf. that"])
def test_no_pause_inside(written: str) -> None:
    assert len(spoken_sentences(written)) == 1


@pytest.mark.parametrize(
    ("written", "spoken", "named"),
    [
        ("Coca-Cola™ tastes good.", "Coca Cola tastes good.", "™"),
        ("wow 😀 great", "wow great", "😀"),
        ("well :-) yes", "well yes", ":-)"),
        ("a word¹ here", "a word here", "¹"),
        ("la ♪ la", "la la", "♪"),
    ],
)
def test_a_sign_without_a_word_is_named(written: str, spoken: str, named: str) -> None:
    reading = read_text(written)
    assert " ".join(sentence.text for sentence in reading.sentences) == spoken
    assert any(named in note for note in reading.notes)


@pytest.mark.parametrize("written", ["Hello, “you” (there) – now.", "un\xadseen", "½ of [it]", "5 ± 3 ≤ 9", "café"])
def test_what_is_said_needs_no_note(written: str) -> None:
    assert read_text(written).notes == ()


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("<b>bold</b> and un<i>believ</i>able", "bold and unbelievable"),
        ("one<br>two<br/>three<p>four</p>", "one two three four"),
        ('<prosody rate="slow">slow</prosody> <break time="1s"/>now', "slow now"),
        ("<!-- not --><span class='x'>this</span>", "this"),
        ("2 < 3 and 5 > 4", "two less than three and five greater than four"),
        ("a<b>c", "a less than b greater than c"),
        ("x <y> z, <3 you", "x less than y greater than z, love you"),
    ],
)
def test_only_real_tags_are_tags(written: str, spoken: str) -> None:
    (sentence,) = spoken_sentences(written)
    assert sentence.text == spoken


def test_whatever_is_typed_becomes_plain_letters_or_our_own_error() -> None:
    rng = random.Random(0)
    signs = "abcXYZ0123456789 .,:;/-–$€£%°'\"()<>&^+*=~#@_\xad\u200b½²ΔµƏ。😀\n"
    for _ in range(150):
        text = "".join(rng.choice(signs) for _ in range(rng.randint(1, 40)))
        for language in ("auto", "de"):
            try:
                sentences = spoken_sentences(text, language)
            except TextError:
                continue
            assert set("".join(sentence.text for sentence in sentences)) <= set(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,;:.!?' "
            )


@pytest.mark.parametrize("piece", ["1-", "a-", "I"])
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        start = time.process_time()
        normalise(text)
        return time.process_time() - start

    seconds(1000)
    assert seconds(LONGEST_TEXT) < 10 * seconds(LONGEST_TEXT // 4) + 0.5
