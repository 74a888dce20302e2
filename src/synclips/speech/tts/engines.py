"""Text to sound: what a synthesizer is, which ones there are, and which one to take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from synclips.errors import BackendError, ConfigError
from synclips.progress import Progress, silent
from synclips.speech.text.conventions import check_language
from synclips.speech.text.language import ENGLISH
from synclips.speech.tts.hub import ask_again
from synclips.speech.tts.synthesizer import Synthesizer

BUILT_IN: Final = "hibari"


@dataclass(frozen=True)
class Engine:
    """A kind of synthesizer: how to start it, and how to get it where it is missing."""

    name: str
    about: str
    get_it: str
    start: Callable[[Progress], Synthesizer]


def _start_pocket(on_progress: Progress) -> Synthesizer:
    from synclips.speech.tts.pocket import load_pocket

    return load_pocket(on_progress)


def _start_hibari(_: Progress) -> Synthesizer:
    from synclips.speech.tts.hibari import HibariSynthesizer

    return HibariSynthesizer()


def _start_flite(_: Progress) -> Synthesizer:
    from synclips.speech.tts.flite import FliteSynthesizer

    return FliteSynthesizer()


def _start_espeak(_: Progress) -> Synthesizer:
    from synclips.speech.tts.espeak import EspeakSynthesizer

    return EspeakSynthesizer()


ENGINES: Final[tuple[Engine, ...]] = (
    Engine(
        "pocket-tts", "neural", "connect to the internet once, so that pocket-tts can load its weights", _start_pocket
    ),
    Engine("hibari", "neural, built in", "reinstall synclips", _start_hibari),
    Engine("flite", "statistical", "install flite", _start_flite),
    Engine("espeak", "formant synthesis", "pip install 'synclips[espeak]'", _start_espeak),
)
"""Best first: `auto` takes the first that starts."""


def choose_synthesizer(name: str = "auto", on_progress: Progress = silent) -> tuple[Synthesizer, str]:
    """Start an engine: `auto` for the best that works here, or `ENGINE` or `ENGINE:VOICE`, as `list_voices` names them.

    Returns the synthesizer and one line for the user that says which one it is and how to get a better one.

    Raises:
        ConfigError: no engine or voice of that name.
        BackendError: the engine named does not work here, or, for `auto`, none does.
    """
    if name == "auto":
        return _best_that_starts(on_progress)
    ask_again()
    engine_name, _, voice = name.partition(":")
    for engine in ENGINES:
        if engine.name == engine_name:
            synthesizer = engine.start(on_progress)
            if voice:
                synthesizer = synthesizer.with_voice(voice)
            return synthesizer, f"voice engine: {engine.name} ({engine.about})"
    names = ", ".join(engine.name for engine in ENGINES)
    raise ConfigError(f"no voice engine is called {engine_name!r}; there are: auto, {names}")


def foreign_synthesizer(language: str, name: str = "auto") -> tuple[Synthesizer, str]:
    """What speaks another language than English (BCP 47): eSpeak NG; and a line for the user.

    Args:
        name: `auto` and `espeak` for the voice of the language and region, or `espeak:VOICE`.

    Raises:
        BackendError: it does not work here.
        ConfigError: it does not know the language, or the voice.
    """
    from synclips.speech.tts.espeak import EspeakSynthesizer
    from synclips.speech.tts.espeak_voices import VARIANT, voices_of

    voice = name.partition(":")[2]
    spoken = voices_of(language)[0]
    return EspeakSynthesizer().with_voice(voice or f"{spoken.tag}+{VARIANT}"), (
        f"voice engine: espeak ({voice or spoken.name}, a simple voice; --language names another language, --audio "
        "brings a recording)"
    )


def _best_that_starts(on_progress: Progress) -> tuple[Synthesizer, str]:
    missing: list[tuple[Engine, BackendError]] = []
    for engine in ENGINES:
        try:
            synthesizer = engine.start(on_progress)
        except BackendError as error:
            missing.append((engine, error))
            continue
        better = f"; for a better one: {missing[0][0].get_it}" if missing else ""
        return synthesizer, f"voice engine: {engine.name} ({engine.about}){better}"
    raise BackendError("no voice engine works here: " + "; ".join(f"{engine.name}: {why}" for engine, why in missing))


@dataclass(frozen=True)
class Voice:
    """A voice that `choose_synthesizer` takes by `name`; where it cannot be had, `problem` says why."""

    name: str
    about: str
    problem: str | None = None


def list_voices(language: str = ENGLISH) -> tuple[Voice, ...]:
    """Every engine and voice of a language, and for those that do not work here, why. Starts each engine, downloads
    nothing.

    Raises:
        ConfigError: nothing here speaks the language.
    """
    if language.replace("_", "-").split("-")[0].lower() != ENGLISH:
        return _foreign_voices(language)
    found: list[Voice] = []
    for engine in ENGINES:
        try:
            synthesizer = engine.start(silent)
        except BackendError as error:
            found.append(Voice(engine.name, engine.about, str(error)))
            continue
        found += [Voice(f"{engine.name}:{voice}", engine.about) for voice in synthesizer.voices]
    return tuple(found)


def _foreign_voices(language: str) -> tuple[Voice, ...]:
    from synclips.speech.tts.espeak_voices import VARIANT, voices_of

    check_language(language)
    espeak = next(engine for engine in ENGINES if engine.name == "espeak")
    try:
        return tuple(Voice(f"espeak:{v.tag}+{VARIANT}", f"{v.name}, {espeak.about}") for v in voices_of(language))
    except BackendError as error:
        return (Voice(espeak.name, espeak.about, str(error)),)
