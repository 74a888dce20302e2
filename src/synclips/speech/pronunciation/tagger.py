"""Parts of speech (Penn Treebank tags), which some words' pronunciation hangs on: an averaged perceptron.

Collins, "Discriminative training methods for hidden Markov models", EMNLP 2002, with the features and weights of the
package `hibari-tts` 0.2.1 (Apache-2.0).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from synclips.speech.pronunciation.data import EnglishWords

_BEFORE = ("-START2-", "-START-")
_AFTER = ("-END-", "-END2-")


def tags_of(tokens: Sequence[str], words: EnglishWords) -> list[str]:
    """One tag for each token of a sentence, from left to right."""
    known = (token.lower() if token.lower() in words.frequent_words else f"<{_shape(token)}>" for token in tokens)
    context = [*_BEFORE, *known, *_AFTER]
    tags: list[str] = []
    before, last = _BEFORE
    for index, token in enumerate(tokens):
        tag = words.tags_of_words.get(token) or _most_likely(_features(index, token, context, last, before), words)
        tags.append(tag)
        before, last = last, tag
    return tags


def _most_likely(features: Iterator[str], words: EnglishWords) -> str:
    scores: defaultdict[str, float] = defaultdict(float)
    for feature in features:
        for tag, weight in words.weights.get(feature, {}).items():
            scores[tag] += weight
    return max(words.tags, key=lambda tag: (scores.get(tag, 0.0), tag)) if scores else "NN"


def _features(index: int, token: str, context: Sequence[str], last: str, before: str) -> Iterator[str]:
    at = index + len(_BEFORE)
    yield from ("b", f"s3={token[-3:]}", f"p1={token[0]}", f"w={context[at]}", f"sh={_shape(token)}")
    yield "i+" if index else "i0"
    yield from (f"t-1={last}", f"t-2={before}", f"t-12={last},{before}")
    yield from (f"w-1={context[at - 1]}", f"s3-1={context[at - 1][-3:]}", f"w-2={context[at - 2]}")
    yield from (f"w+1={context[at + 1]}", f"s3+1={context[at + 1][-3:]}", f"w+2={context[at + 2]}")


def _shape(token: str) -> str:
    if not token.isalpha():
        return "".join("x" if sign.isalpha() else sign for sign in token[:4])
    if token.islower():
        return "x"
    if token.isupper():
        return "XX" if len(token) > 1 else "X1"
    return "Xx" if token[0].isupper() and token[1:].islower() else "xX"
