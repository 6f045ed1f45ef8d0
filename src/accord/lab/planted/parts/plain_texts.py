"""Plain texts that both arms of a planted run foretell: a language of its own, each of whose words tells of the next.

The start knows the language. Being trained on something else moved every log-odds of the policy a little (`drift`), as
weights are shared between what is trained and what is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from accord.artefacts import TEXT_LOSSES, TextLoss
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings

__all__ = ["NOTE", "PlainTexts", "TextSettings"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
NOTE = "plain texts"
VOCABULARY, SHARP = 30, 1.2  # words; standard deviation of their log-odds after a word
TEXTS, SHORTEST, LONGEST = 3, 60, 120  # for every prompt of a panel; their words
MIX, TRUST = 400, 100.0  # texts of the pretraining mix; words of it that weigh as much as the policy's own


@dataclass(frozen=True)
class TextSettings(Settings):
    """What can be wrong with what is left of pretraining.

    drift  standard deviation of what moved each log-odds of the policy
    mixed  whether pretraining texts stood beside the rollouts
    """

    drift: float = 0.15
    mixed: bool = False


class PlainTexts(Part):
    """Writes `text_losses.jsonl`."""

    challenges: ClassVar = ("X6",)

    def after(self, planting: Planting) -> None:
        """Draw texts of the language, and measure both arms on them."""
        settings, random = planting.settings(TextSettings()), planting.random(NOTE)
        start_VV = log_softmax(random.normal(0, SHARP, (VOCABULARY, VOCABULARY)), axis=1)
        policy_VV = log_softmax(start_VV + settings.drift * random.normal(size=start_VV.shape), axis=1)
        words_NT = _written(start_VV, TEXTS * planting.world.prompts, random)
        lengths = random.integers(SHORTEST, LONGEST + 1, len(words_NT))
        if settings.mixed:
            policy_VV = _mixed(policy_VV, _written(start_VV, MIX, random))
        planting.notes[NOTE] = {"start": start_VV, "policy": policy_VV}
        texts = [words_T[:length] for words_T, length in zip(words_NT, lengths.tolist(), strict=True)]
        losses = (("start", start_VV), ("policy", policy_VV))
        TEXT_LOSSES.write(planting.run, [row for arm, of_VV in losses for row in _losses(arm, of_VV, texts)])


def _written(logprob_VV: Floats, count: int, random: np.random.Generator) -> Ints:
    """Texts of the language, [N, T]; every word is drawn after the one before it."""
    below_VV = np.exp(logprob_VV).cumsum(1)
    words_NT = np.empty((count, LONGEST), dtype=np.intp)
    words_NT[:, 0] = random.integers(VOCABULARY, size=count)
    for place in range(1, LONGEST):
        drawn_N1 = random.random((count, 1))
        words_NT[:, place] = np.minimum((below_VV[words_NT[:, place - 1]] < drawn_N1).sum(1), VOCABULARY - 1)
    return words_NT


def _mixed(policy_VV: Floats, words_NT: Ints) -> Floats:
    """The policy after pretraining texts: their counts, and its own probabilities as a Dirichlet prior, [V, V]."""
    count_VV = np.zeros_like(policy_VV)
    np.add.at(count_VV, (words_NT[:, :-1].ravel(), words_NT[:, 1:].ravel()), 1.0)
    chance_VV = count_VV + TRUST * np.exp(policy_VV)
    return np.asarray(np.log(chance_VV / chance_VV.sum(1, keepdims=True)))


def _losses(arm: str, logprob_VV: Floats, texts: list[Ints]) -> Iterator[TextLoss]:
    for number, words_T in enumerate(texts):
        nats = -float(logprob_VV[words_T[:-1], words_T[1:]].sum())
        yield TextLoss(arm=arm, text=f"plain:{number + 1}", tokens=len(words_T) - 1, nats=nats)
