"""A judge that looks for errors along a text, one output for each kind of error."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.interfaces import Scores
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Prompt
from accord.reward.segments.aggregation import span_credits
from accord.reward.segments.reading import ReadText, Segment, logits, read_texts

__all__ = ["ErrorKind", "SpanJudge", "scores_of_members"]


@dataclass(frozen=True)
class ErrorKind:
    """One kind of error: what segments it is looked for in, and what a sure one costs."""

    name: str
    density: str
    weight: float


@dataclass(frozen=True)
class SpanJudge:
    """A `Judge`: the sum over kinds of error and segments of weight (bonus (1 - p) - p), p the error's probability.

    `kinds` are the model's components, in their order; what each sums to is a component of the scores. With `mean` the
    sum of each kind is divided by the number of its segments. A text without segments earns nothing.
    """

    model: ScalarHeadModel
    kinds: tuple[ErrorKind, ...]
    bonus: float = 0.0
    mean: bool = False

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The scores, by kind of error besides, with credits at the ends of the segments."""
        texts = read_texts(self.model, prompts, completions)
        found = self.errors(texts)
        credits: list[tuple[tuple[int, float], ...]] = []
        value_NKS = np.zeros((len(texts), len(self.kinds), self.model.members))
        for row, by_kind in enumerate(found):
            earned: list[tuple[int, float]] = []
            for k, (segments, error_JS) in enumerate(by_kind):
                weight = self.kinds[k].weight
                credit_JS = span_credits(error_JS, weight=weight, bonus=self.bonus, mean=self.mean)
                value_NKS[row, k] = credit_JS.sum(0)
                earned += zip((each.end for each in segments), credit_JS.mean(1).tolist(), strict=True)
            credits.append(tuple(earned))
        return scores_of_members(
            value_NKS.sum(1),
            components={kind.name: value_NKS[:, k] for k, kind in enumerate(self.kinds)},
            credits=tuple(credits),
            tokens=[len(text.answer.completion) for text in texts],
        )

    def errors(self, texts: Sequence[ReadText]) -> list[list[tuple[list[Segment], NDArray[np.float64]]]]:
        """For each text and each kind of error its J segments, and the probabilities of an error there, [J, S]."""
        segments = [[text.segments(kind.density) for kind in self.kinds] for text in texts]
        tokens = [sorted({each.token for some in by_kind for each in some}) for by_kind in segments]
        found = []
        for by_kind, read, logit_RKS in zip(segments, tokens, logits(self.model, texts, tokens), strict=True):
            error_RKS = expit(logit_RKS)
            row = {token: number for number, token in enumerate(read)}
            found.append(
                [
                    (some, error_RKS[[row[each.token] for each in some], k].reshape(len(some), self.model.members))
                    for k, some in enumerate(by_kind)
                ]
            )
        return found


def scores_of_members(
    value_NS: NDArray[np.float64],
    *,
    components: dict[str, NDArray[np.float64]],
    credits: tuple[tuple[tuple[int, float], ...], ...],
    tokens: Sequence[int],
) -> Scores:
    """Scores by S members as their mean with its spread; of one member there is none."""

    def over_members(some_NS: NDArray[np.float64]) -> Scores:
        if some_NS.shape[1] == 1:
            return Scores(some_NS[:, 0])
        return Scores(some_NS.mean(1), some_NS.std(1, ddof=1), members_NS=some_NS)

    return replace(
        over_members(value_NS),
        components={name: over_members(some_NS) for name, some_NS in components.items()},
        credits=credits,
        tokens_N=np.array(tokens, dtype=np.int64),
    )
