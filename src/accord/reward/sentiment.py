"""What critiques say in sum: sentence by sentence, by readers that may disagree.

A reader is a function of sentences that returns a number for each, -1 (bad) to 1 (good). Where two readers agree, a
sentence counts; where one takes it for praise and the other for blame, it does not.

Left out: sarcasm, and what a sentence is about. `lexicon` is a list of words, to have something without a model.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from accord.errors import ExtensionError
from accord.interfaces import Judge
from accord.records import Completion, Prompt

__all__ = ["Sentiment", "SentimentReader", "judge_reader", "lexicon", "sentences_of", "sentiment_of"]

SentimentReader = Callable[[Sequence[str]], Sequence[float]]
_GOOD_WORDS = """
accurate amazing best better brilliant careful clear concise convincing correct excellent fine friendly good great
helpful honest informative insightful kind liked love nice perfect pleasant polite precise readable relevant right
safe simple solid sound strong thorough true useful valid well
"""
_BAD_WORDS = """
awful bad biased boring broken careless confusing contradicts dangerous dull error errors fails false harmful hate
hostile incorrect incomplete irrelevant lacks lies misleading missing mistake mistakes nonsense offensive poor
rambling repetitive rude sloppy terrible toxic unclear unhelpful unsafe untrue useless vague weak worse worst wrong
"""
_GOOD, _BAD = frozenset(_GOOD_WORDS.split()), frozenset(_BAD_WORDS.split())
_NEGATIONS = frozenset({"barely", "hardly", "neither", "never", "no", "nor", "not", "nothing", "without"})
_REACH = 3  # words behind a negation that it turns round


@dataclass(frozen=True)
class Sentiment:
    """Of a critique: -1 to 1 over its sentences, and how far readers agree, 0 to 1."""

    value: float
    agreement: float


def sentiment_of(text: str, readers: Sequence[SentimentReader]) -> Sentiment | None:
    """The mean over sentences and readers, each sentence by how far its readers agree; None where none says anything.

    Two readers agree on a sentence by 1 - |a - b| / 2; of several it is the least agreement of two. Sentences that all
    take for 0 are not counted. Raises `ExtensionError` for what is no number from -1 to 1 a sentence.
    """
    sentences = sentences_of(text)
    if not sentences:
        return None
    said_RN = np.array([_read(reader, sentences) for reader in readers])
    said_RN = said_RN[:, (said_RN != 0).any(0)]
    agreed_N = 1 - (said_RN.max(0) - said_RN.min(0)) / 2 if said_RN.size else np.zeros(0)
    if not agreed_N.sum():
        return None
    value = float(np.average(said_RN.mean(0), weights=agreed_N))
    return Sentiment(value, float(agreed_N.mean()))


def sentences_of(text: str) -> list[str]:
    """The sentences of a text: what ends in a mark that ends one, or in a line."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]


def lexicon(sentences: Sequence[str]) -> list[float]:
    """Good words less bad ones, over both; a negation turns the words that soon follow round.

    Words that say nothing of the text where they stand for something else (`like`, `mean`) are not among them.
    """
    return [_sign(re.findall(r"[\w']+", sentence.lower().replace("\u2019", "'"))) for sentence in sentences]


def judge_reader(judge: Judge) -> SentimentReader:
    """A judge as a reader: its score s of a sentence, as an answer to 'What do you think of it?', as tanh(s / 2).

    tanh(s / 2) is 2 F(s) - 1, twice the probability above one half that a logistic model gives.
    """
    prompt = Prompt.ask("What do you think of it?")

    def read(sentences: Sequence[str]) -> Sequence[float]:
        answers = [Completion(prompt=prompt.id, text=sentence) for sentence in sentences]
        said: list[float] = np.tanh(judge.score([prompt] * len(answers), answers).value_N / 2).tolist()
        return said

    return read


def _sign(words: Sequence[str]) -> float:
    signs = []
    turned = 0
    for word in words:
        if word in _NEGATIONS or word.endswith("n't"):
            turned = _REACH
            continue
        if sign := (word in _GOOD) - (word in _BAD):
            signs.append(-sign if turned else sign)
        turned = max(0, turned - 1)
    return float(np.mean(signs)) if signs else 0.0


def _read(reader: SentimentReader, sentences: Sequence[str]) -> list[float]:
    name = getattr(reader, "__name__", "a reader")
    said = np.asarray(reader(sentences), dtype=np.float64)
    if said.shape != (len(sentences),) or not (np.abs(said) <= 1).all():
        raise ExtensionError(
            f"{name}: returned {said.tolist()!r:.80} for {len(sentences)} sentences; return a number from -1 to 1 for "
            "each"
        )
    return list(said.tolist())
