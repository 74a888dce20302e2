"""Units of measure in words: `12 µm`, `9.8 m/s²`, `5-km`, `2 kgs`, `per m²`."""

import re
from typing import Final

from synclips.speech.text.numbers import number_words
from synclips.speech.text.patterns import Found, Replacements, before

NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
"""A number in English notation."""
_PREFIXES: Final = {
    "P": "peta", "T": "tera", "G": "giga", "M": "mega", "k": "kilo", "K": "kilo", "h": "hecto", "d": "deci",
    "c": "centi", "m": "milli", "μ": "micro", "n": "nano", "p": "pico",
}  # fmt: skip
_SCALED: Final = {
    "m": ("meter", "meters", "kdcmμn"), "g": ("gram", "grams", "kmμn"), "l": ("liter", "liters", "hdcmμ"),
    "L": ("liter", "liters", "hdcmμ"), "s": ("second", "seconds", "mμn"), "Hz": ("hertz", "hertz", "TGMk"),
    "B": ("byte", "bytes", "PTGMkK"), "bit": ("bit", "bits", "TGMk"), "W": ("watt", "watts", "TGMkmμ"),
    "Wh": ("watt hour", "watt hours", "TGMkm"), "V": ("volt", "volts", "Mkmμ"), "A": ("ampere", "amperes", "kmμ"),
    "Ah": ("ampere hour", "ampere hours", "m"), "Ω": ("ohm", "ohms", "GMkm"), "F": ("farad", "farads", "mμnp"),
    "J": ("joule", "joules", "GMk"), "N": ("newton", "newtons", "Mkm"), "Pa": ("pascal", "pascals", "GMkh"),
    "eV": ("electron volt", "electron volts", "TGMkm"), "cal": ("calorie", "calories", "k"),
    "bar": ("bar", "bars", "m"), "mol": ("mole", "moles", "mμ"), "Sv": ("sievert", "sieverts", "mμ"),
    "lx": ("lux", "lux", "k"), "lm": ("lumen", "lumens", "k"),
}  # fmt: skip
_WITH_PREFIX_ONLY: Final = frozenset({"A", "F", "J", "N", "B", "bit"})
"""What alone would more often be a letter or a word."""
_PLAIN: Final = {
    "kph": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"), "mpg": ("mile per gallon", "miles per gallon"),
    "fps": ("frame per second", "frames per second"), "rpm": ("revolution per minute", "revolutions per minute"),
    "bpm": ("beat per minute", "beats per minute"), "dpi": ("dot per inch", "dots per inch"),
    "ppi": ("pixel per inch", "pixels per inch"), "ppm": ("part per million", "parts per million"),
    "Nm": ("newton meter", "newton meters"),
    "ppb": ("part per billion", "parts per billion"), "psi": ("pound per square inch", "pounds per square inch"),
    "kbps": ("kilobit per second", "kilobits per second"), "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"), "Mb": ("megabit", "megabits"), "Gb": ("gigabit", "gigabits"),
    "kb": ("kilobit", "kilobits"), "KiB": ("kibibyte", "kibibytes"), "MiB": ("mebibyte", "mebibytes"),
    "GiB": ("gibibyte", "gibibytes"), "TiB": ("tebibyte", "tebibytes"), "MP": ("megapixel", "megapixels"),
    "px": ("pixel", "pixels"), "dB": ("decibel", "decibels"), "dBm": ("decibel milliwatt", "decibel milliwatts"),
    "ft": ("foot", "feet"), "mi": ("mile", "miles"), "yd": ("yard", "yards"), "yds": ("yard", "yards"),
    "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "fl oz": ("fluid ounce", "fluid ounces"), "gal": ("gallon", "gallons"), "tsp": ("teaspoon", "teaspoons"),
    "tbsp": ("tablespoon", "tablespoons"), "sqft": ("square foot", "square feet"),
    "kgs": ("kilogram", "kilograms"), "kms": ("kilometer", "kilometers"), "t": ("tonne", "tonnes"),
    "ha": ("hectare", "hectares"), "sec": ("second", "seconds"), "secs": ("second", "seconds"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "h": ("hour", "hours"), "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"), "wks": ("week", "weeks"), "yr": ("year", "years"), "yrs": ("year", "years"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "%": ("percent", "percent"), "‰": ("per mille", "per mille"),
    "‱": ("basis point", "basis points"),
}  # fmt: skip


def _table() -> dict[str, tuple[str, str]]:
    units = dict(_PLAIN)
    for symbol, (one, many, prefixes) in _SCALED.items():
        if symbol not in _WITH_PREFIX_ONLY:
            units[symbol] = one, many
        for prefix in prefixes:
            long = _PREFIXES[prefix].removesuffix(
                "o" if symbol == "Ω" and prefix == "k" else "a" if symbol == "Ω" else ""
            )
            units[prefix + symbol] = long + one, long + many
    return units


UNITS: Final = _table()
"""Symbol -> the unit's name after one, and after more than one."""
UNIT: Final = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_AREAS: Final = frozenset({"m", "km", "cm", "mm", "dm", "μm", "nm", "ft", "mi", "yd"})
_WHOLE: Final = "|".join(sorted((re.escape(u) for u in UNITS if u[-1].isalpha()), key=len, reverse=True))
_ALONE: Final = "kWh|kHz|MHz|GHz|mph|kph|fps|rpm|dpi|lbs|kgs|kg|km|cm|mm|ml|mL|mg|μm|μg|μs|μl|Hz|ft|lb|kΩ|MΩ|Ω|‰|‱"
"""Units that are no words and no usual initials, so that they may stand without a number."""


def named(symbol: str, power: str | None, *, one: bool) -> str:
    """`m`, `2` -> square meters; `s`, `2` -> seconds squared."""
    name = UNITS[symbol][0 if one else 1]
    exponent = (power or "").strip("^")
    if exponent in ("2", "3"):
        if symbol in _AREAS:
            return f"{'square' if exponent == '2' else 'cubic'} {name}"
        return f"{name} {'squared' if exponent == '2' else 'cubed'}"
    return f"{name} to the power of {number_words(exponent)}" if exponent else name


def _amount(found: Found) -> str:
    number, hyphen, unit, power = found[1], found[2], found[3], found[4]
    said = number_words(number)
    words = named(unit, power, one=number.strip("-") == "1" or bool(hyphen))
    if found[5]:
        words = f"{words} per {_below(found)}"
    return f"{said} {words}"


def _below(found: Found) -> str:
    below = found[5]
    hundred = re.match(r"100 ?(.*)", below)
    if hundred:
        return f"one hundred {UNITS[hundred[1]][1]}"
    return named(below, found[6], one=True)


def _alone(found: Found) -> str:
    single = re.search(r"(?:\b(?:per|an?|one|each|every)|/|(?<![\d.,])1) $", before(found))
    words = named(found[1], found[2], one=bool(single))
    return f"{words} per {named(found[3], found[4], one=True)}" if found[3] else words


def _inches(found: Found) -> str:
    return f"{number_words(found[1])} {'inch' if found[1] == '1' else 'inches'}{'.' if found[2] is not None else ''}"


_POWER: Final = r"(\^-?\d|[23](?![\d.]))?"
_END: Final = r"(?![\w/^])"
_DENOMINATOR: Final = rf"(?: ?/ ?((?:100 ?)?(?:{_WHOLE})){_POWER})?"
UNIT_FORMS: Final[Replacements] = (
    (re.compile(rf"(?<=\d)( ?(?:{UNIT})) ?[-–] ?(?=\d)"), lambda found: f"{found[1]} to "),
    (re.compile(rf"(?<![\w.])({NUMBER}) in\.(?= +[a-z\d(]|[,;)]|(\s*$))"), _inches),
    (
        re.compile(r"\b[Ss]q\.? ?(km|cm|mm|m|ft|mi|yd|in)\b(?:\.(?= +[a-z\d(]))?"),
        lambda found: _customary("square", found),
    ),
    (re.compile(r"\b[Cc]u\.? ?(km|cm|mm|m|ft|yd|in)\b(?:\.(?= +[a-z\d(]))?"), lambda found: _customary("cubic", found)),
    (
        re.compile(
            rf"(?<![\w.])(-?{NUMBER})(?: ?|(-)(?=[a-z]{{2}}))({UNIT}){_POWER}{_DENOMINATOR}{_END}"
            r"(?:\.(?= +[a-z\d(]))?"
        ),
        _amount,
    ),
    (re.compile(rf"(?<![\w./^-])({_ALONE}){_POWER}(?: ?/ ?({_WHOLE}){_POWER})?{_END}"), _alone),
    (re.compile(rf"\b(m)\^([23])(?: ?/ ?({_WHOLE}){_POWER})?{_END}"), _alone),
    (re.compile(r"\b(m|km)()/(s|h)(\^2)?\b"), _alone),
)
"""Patterns and what is said instead, in the order in which they are tried."""


def _customary(kind: str, found: Found) -> str:
    name = {"in": ("inch", "inches")}.get(found[1]) or UNITS[found[1]]
    preceding = before(found).rstrip()
    single = re.search(r"(?<![\d.,])1$|-$|per$", preceding)
    return f"{kind} {name[0] if single else name[1]}"
