"""Can the words be read from the lips? Word error rate."""

from collections.abc import Sequence


def word_error_rate(spoken: Sequence[str], read: Sequence[str]) -> float:
    """Substitutions, deletions and insertions over the number of words spoken (jiwer); above 1 where much is invented.

    Raises:
        ValueError: nothing was spoken.
    """
    import jiwer

    if not spoken:
        raise ValueError("no word was spoken, so none can be wrong")
    return float(jiwer.wer(" ".join(spoken), " ".join(read)))
