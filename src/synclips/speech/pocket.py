"""Pocket TTS (Kyutai, code MIT, weights CC-BY-4.0): a neural voice of 100 million numbers that runs on a processor.

Its weights come from the Hugging Face hub at first use, some 400 MB, and stay in that hub's cache. Those that can
imitate a voice are handed out only to users who accepted their terms (https://huggingface.co/kyutai/pocket-tts) and
logged in; everyone else gets the ones with fixed voices, which are then converted.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.progress import Progress, silent
from synclips.speech.tts import Speech

VOICES: Final = ("michael", "george", "paul", "charles", "vera", "mary", "jane", "eve")
"""Four men and four women among its English ones."""
LANGUAGE: Final = "english"
_HUB: Final = ("huggingface.co", 443)
_PATIENCE: Final = 3.0
"""Seconds to find out whether the hub can be reached."""
_SEED: Final = 0


@dataclass(frozen=True)
class PocketSynthesizer:
    """A loaded Pocket TTS in one voice; `state` is the voice as the model keeps it. Use `load_pocket`."""

    model: Any
    state: Any
    voice: str
    name: str = "pocket-tts"

    @property
    def clones(self) -> bool:
        """Whether these weights can imitate a voice."""
        return bool(self.model.has_voice_cloning)

    @property
    def voices(self) -> tuple[str, ...]:
        """Its English voices."""
        return VOICES

    def with_voice(self, voice: str) -> "PocketSynthesizer":
        """The same model in another of its voices.

        Raises:
            ConfigError: no such voice.
            BackendError: the voice is not on this disk and cannot be downloaded.
        """
        if voice not in VOICES:
            raise ConfigError(f"pocket-tts has no voice {voice!r}; it has: {', '.join(VOICES)}")
        return replace(self, voice=voice, state=_voice_state(self.model, voice))

    def in_voice_of(self, speech: Waveform) -> "PocketSynthesizer | None":
        """The same model in the voice heard in `speech`; None where these weights cannot imitate."""
        if not self.clones:
            return None
        import torch

        prompt = torch.from_numpy(speech.resampled(self.model.sample_rate).samples)[None]
        with _backend_errors():
            state = self.model.get_state_for_audio_prompt(prompt, truncate=True)
        return replace(self, voice="the reference's", state=state)

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text and voice.

        Raises:
            BackendError: the model failed.
        """
        import torch

        with _backend_errors(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            samples = self.model.generate_audio(self.state, text).detach().cpu().numpy()
        samples = np.asarray(samples, np.float32).reshape(-1)
        if len(samples) == 0 or not np.isfinite(samples).all():
            raise BackendError(f"pocket-tts made no sound for {text[:40]!r}; try --voice espeak")
        return Speech(Waveform(np.clip(samples, -1, 1), int(self.model.sample_rate)))


def load_pocket(
    on_progress: Progress = silent, *, config: Path | None = None, voice: str | Path = VOICES[0]
) -> PocketSynthesizer:
    """Load the model, downloading its weights at first use.

    Args:
        config: another model than the published English one, as a YAML file of Pocket TTS.
        voice: one of `VOICES`, or a sound file to imitate.

    Raises:
        BackendError: not installed, no weights on this disk and no network, no room, or broken weights.
    """
    try:
        import torch

        threads = torch.get_num_threads()
        from pocket_tts import TTSModel

        torch.set_num_threads(threads)
    except ImportError as error:
        raise BackendError(f"pocket-tts is not installed ({error}); pip install pocket-tts") from error
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)
    if config is None and not _weights_are_here():
        _check_network()
        on_progress("download the voice", 0, 0)
    with _backend_errors():
        model = TTSModel.load_model(config=config) if config else TTSModel.load_model(language=LANGUAGE)
        state = _voice_state(model, voice)
    on_progress("load the voice", 1, 1)
    return PocketSynthesizer(model, state, str(voice))


def _voice_state(model: Any, voice: str | Path) -> Any:
    with _backend_errors():
        return model.get_state_for_audio_prompt(voice)


def _weights_are_here() -> bool:
    """Whether one of the two published weight files is in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache
    from pocket_tts.utils.config import CONFIGS_DIR, load_config

    published = load_config(str(CONFIGS_DIR / f"{LANGUAGE}.yaml"))
    for address in (published.weights_path, published.weights_path_without_voice_cloning):
        if address is None or not address.startswith("hf://"):
            continue
        path, _, revision = address.removeprefix("hf://").partition("@")
        owner, repository, file = path.split("/", 2)
        found = try_to_load_from_cache(f"{owner}/{repository}", file, revision=revision or None)
        if isinstance(found, str):
            return True
    return False


def _check_network() -> None:
    """Say within seconds that there is no network, where the hub's own client would try for minutes."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise BackendError("pocket-tts has no weights on this disk, and HF_HUB_OFFLINE forbids to download them")
    if not _reachable(*_HUB):
        raise BackendError(
            f"pocket-tts has no weights on this disk, and {_HUB[0]} cannot be reached; connect once to download them"
        )


def _reachable(host: str, port: int) -> bool:
    """In a thread of its own, because a name server that does not answer blocks for longer than any timeout."""
    answers: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=_PATIENCE).close()
        except OSError:
            return
        answers.append(True)

    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(_PATIENCE)
    return bool(answers)


@contextmanager
def _backend_errors() -> Iterator[None]:
    """What its libraries raise, as one clear line each."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a third-party model raises is reported as one line
        raise BackendError(_explain(error)) from error


def _explain(error: Exception) -> str:
    chain = [error, error.__cause__, error.__context__]
    names = " ".join(type(link).__name__ for link in chain if link)
    words = " ".join(str(link) for link in chain if link)
    if "No space left" in words:
        return "the disk is full: pocket-tts needs some 500 MB in the Hugging Face cache (HF_HOME moves it)"
    if "GatedRepo" in names or "401" in words or "403" in words:
        return (
            "pocket-tts's weights are handed out only after accepting their terms: see "
            "https://huggingface.co/kyutai/pocket-tts, then run: hf auth login"
        )
    if "LocalEntryNotFound" in names or "Offline" in names or "ConnectionError" in names or "Connect" in names:
        return "pocket-tts's weights cannot be downloaded: no connection to huggingface.co"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"pocket-tts failed: {first[:200]}"
