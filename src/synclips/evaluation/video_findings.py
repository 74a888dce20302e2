"""Findings: a video's figures as plain sentences, faults first.

The limits lie between what real clips and planted faults measure (docs/evaluation.md); a finding is a hint where to
look, the figures are the evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synclips.media.timebase import FPS
from synclips.metrics.sync import CONFIDENT
from synclips.metrics.sync_drift import DRIFT, SyncDrift

_UNIT = "% of the eyes' distance a frame"


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether all is well with what it is about."""

    good: bool
    text: str


def findings(figures: dict[str, float], drifts: Sequence[SyncDrift]) -> list[Finding]:
    """All that can be said of these figures, the faults first."""
    found = [*_sync(figures, drifts), *_silence(figures), *_picture(figures), *_sound(figures)]
    return sorted(found, key=lambda finding: finding.good)


def in_words(frames: int) -> str:
    """An AV offset as a person says it: "200 ms (5 frames) late"."""
    amount = f"{abs(frames) * 1000 // FPS} ms ({abs(frames)} frame{'s' * (abs(frames) != 1)})"
    return f"{amount} {'late' if frames > 0 else 'early'}" if frames else "on time"


def _sync(figures: dict[str, float], drifts: Sequence[SyncDrift]) -> Iterator[Finding]:
    if "av_offset" not in figures:
        yield Finding(False, "Sync cannot be measured: there is no sound, or too little of a face and sound together.")
        return
    offset, confidence = int(figures["av_offset"]), figures["confidence"]
    known = f"confidence {confidence:.2f}; from {CONFIDENT} on it is believed"
    if confidence < CONFIDENT and not drifts:
        yield Finding(False, f"The lips do not follow this sound at any offset ({known}): nobody speaks, or others do.")
    elif len({drift.frames for drift in drifts}) == 1 and abs(offset) > DRIFT and offset == drifts[0].frames:
        advice = "move the sound forward" if offset > 0 else "delay the sound"
        yield Finding(False, f"The sound is {in_words(offset)} against the lips throughout ({known}): {advice}.")
    elif drifts:
        places = ", ".join(f"from {drift.seconds:.1f} s {in_words(drift.frames)}" for drift in drifts[:10])
        more = f", and {len(drifts) - 10} more times" if len(drifts) > 10 else ""
        yield Finding(False, f"The sound slips against the lips: {places}{more}.")
    elif abs(offset) > DRIFT:
        yield Finding(False, f"The sound is {in_words(offset)} against the lips ({known}).")
    else:
        yield Finding(True, f"Lips and sound are in sync: the sound is {in_words(offset)} ({known}).")


def _silence(figures: dict[str, float]) -> Iterator[Finding]:
    still, speaking = figures.get("silence_motion"), figures.get("speech_motion")
    if speaking is not None and speaking < 0.2:
        yield Finding(False, f"The mouth hardly moves while something is heard ({speaking:.2f} {_UNIT}).")
    if still is None:
        return
    moves = still > max(0.3, 0.5 * (speaking or 0))
    against = "" if speaking is None else f", against {speaking:.2f} while something is heard"
    words = "The mouth goes on moving while nothing is heard" if moves else "The mouth rests while nothing is heard"
    yield Finding(not moves, f"{words} ({still:.2f} {_UNIT}{against}).")


def _picture(figures: dict[str, float]) -> Iterator[Finding]:
    sharp = figures.get("sharpness_ratio")
    if sharp is not None:
        kind = (
            "blurred" if sharp < 0.7 else "sharper than the original, or noisy" if sharp > 1.4 else "as sharp as it was"
        )
        yield Finding(0.7 <= sharp <= 1.4, f"The mouth is {kind} ({sharp:.0%} of the reference's gradient energy).")
    flicker = figures.get("flicker_ratio")
    if flicker is not None and flicker > 2:
        yield Finding(False, f"The mouth flickers ({flicker:.0%} of the reference's change from frame to frame).")
    step = figures.get("seam_step")
    if step is not None:
        shows = step > 4
        words = "An outline shows around the made part" if shows else "No outline shows around the made part"
        yield Finding(not shows, f"{words} ({step:.1f} grey levels of 255).")
    outside = figures.get("psnr_outside")
    if outside is not None and outside < 35:
        yield Finding(False, f"The picture outside the mouth was changed ({outside:.1f} dB against the reference).")
    missing = figures["no_face_percent"]
    if missing > 2:
        yield Finding(False, f"In {missing:.0f} % of the frames no face is found; they take no part in the figures.")


def _sound(figures: dict[str, float]) -> Iterator[Finding]:
    alike = figures.get("speaker_similarity")
    if alike is not None:
        same = alike >= 0.7
        words = "The voice is like the reference's" if same else "The voice is not the reference's"
        yield Finding(same, f"{words} ({alike:.2f}; one person's clips reach .79, different people's .58).")
    heard = figures.get("word_accuracy")
    if heard is not None:
        yield Finding(heard >= 0.5, f"A small recogniser hears {heard:.0%} of the words.")
    if figures.get("peak", 0) >= 0.999:
        yield Finding(False, "The sound clips: its peaks reach full scale.")
    change = figures.get("loudness_change")
    if change is not None and abs(change) > 6:
        yield Finding(False, f"The sound is {abs(change):.0f} LU {'louder' if change > 0 else 'quieter'} than before.")
