"""Pocket TTS (Kyutai, code MIT, weights CC-BY-4.0): a neural voice of 100 million numbers that runs on a processor.

Its weights come from the Hugging Face hub at first use, some 400 MB, and stay in that hub's cache. Those that can
imitate a voice are handed out only to users who accepted their terms (https://huggingface.co/kyutai/pocket-tts) and
logged in; everyone else gets the ones with fixed voices, which are then converted.
"""

import logging
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.progress import Progress, silent
from synclips.speech.pronunciation.given import Pronunciation
from synclips.speech.tts.hub import any_cached, check_hub, hub_errors, is_cached
from synclips.speech.tts.synthesizer import Speech

VOICES: Final = ("michael", "george", "paul", "charles", "vera", "mary", "jane", "eve")
"""Four men and four women among its English ones."""
NAME: Final = "pocket-tts"
LANGUAGE: Final = "english"
_REPOSITORIES: Final = ("kyutai/pocket-tts", "kyutai/pocket-tts-without-voice-cloning")
_SEED: Final = 0


@dataclass(frozen=True)
class PocketSynthesizer:
    """A loaded Pocket TTS in one voice; `state` is the voice as the model keeps it. Use `load_pocket`."""

    model: Any
    state: Any
    voice: str
    name: str = NAME

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
        with hub_errors(NAME):
            state = self.model.get_state_for_audio_prompt(prompt, truncate=True)
        return replace(self, voice="the reference's", state=state)

    def at_pitch(self, median: float, spread: float) -> None:
        """Pocket TTS is left at its own pitch: the converter moves it."""

    def pronouncing(self, given: tuple[Pronunciation, ...]) -> None:
        """Pocket TTS cannot be told how a word is pronounced."""

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text and voice.

        Raises:
            BackendError: the model failed.
        """
        import torch

        with hub_errors(NAME), torch.random.fork_rng(devices=[]):
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
    if find_spec("pocket_tts") is None:
        raise BackendError("pocket-tts is not installed; pip install pocket-tts")
    if config is None and not any_cached(_REPOSITORIES):
        check_hub(NAME)
    model_class = _import_model_class()
    if config is None and not _weights_are_here():
        check_hub(NAME)
        on_progress("download the voice", 0, 0)
    with hub_errors(NAME):
        model = model_class.load_model(config=config) if config else model_class.load_model(language=LANGUAGE)
        # Decoding whatever is queued makes the rounding of the samples depend on the timing of its threads.
        model.max_decoder_frames_per_call = 1
        state = _voice_state(model, voice)
    on_progress("load the voice", 1, 1)
    return PocketSynthesizer(model, state, str(voice))


def _import_model_class() -> Any:
    """Pocket TTS's model, without the traces its import leaves: one thread for all of torch, bars and log lines."""
    import torch
    from huggingface_hub.utils.tqdm import disable_progress_bars

    threads = torch.get_num_threads()
    try:
        from pocket_tts import TTSModel
    except ImportError as error:
        raise BackendError(f"pocket-tts cannot be loaded ({error}); reinstall it") from error
    finally:
        torch.set_num_threads(threads)
    disable_progress_bars()
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)
    return TTSModel


def _voice_state(model: Any, voice: str | Path) -> Any:
    with hub_errors(NAME):
        return model.get_state_for_audio_prompt(voice)


def _weights_are_here() -> bool:
    """Whether one of the two published weight files is in the hub's cache."""
    from pocket_tts.utils.config import CONFIGS_DIR, load_config

    published = load_config(str(CONFIGS_DIR / f"{LANGUAGE}.yaml"))
    for address in (published.weights_path, published.weights_path_without_voice_cloning):
        if address is None or not address.startswith("hf://"):
            continue
        path, _, revision = address.removeprefix("hf://").partition("@")
        owner, repository, file = path.split("/", 2)
        if is_cached(f"{owner}/{repository}", file, revision or None):
            return True
    return False
