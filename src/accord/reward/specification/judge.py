"""Clauses as a judge: the weighted sum of the probabilities that they hold, each kept as a component."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.errors import ModelError
from accord.interfaces import Scores
from accord.records import Completion, Prompt
from accord.reward.specification.answering import YesOrNo
from accord.reward.specification.clauses import Clause, Shown, conversation

__all__ = ["UNANSWERED", "SpecificationJudge", "answers_of"]

UNANSWERED = "unanswered"


@dataclass(frozen=True)
class SpecificationJudge:
    """A `Judge` by clauses.

    A clause of which the model gives no answer that can be read counts as one half, as what is not known; how many of a
    completion's there are is the component `unanswered`.
    """

    name: str
    clauses: Sequence[Clause]
    weight_K: NDArray[np.float64]
    model: YesOrNo
    examples: Mapping[str, Sequence[Shown]]

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """sum_k weight_k P(clause k holds).

        Raises `ModelError` where more than half of all answers cannot be read: the model does not do what is asked.
        """
        answer_NK = answers_of(self.model, self.clauses, prompts, [each.text for each in completions], self.examples)
        missing_NK = np.isnan(answer_NK)
        if missing_NK.mean() > 0.5 if missing_NK.size else False:
            raise ModelError(
                f"{self.name}: {missing_NK.sum()} of {missing_NK.size} answers of the judge model were neither yes nor "
                "no; take another model"
            )
        answer_NK = np.where(missing_NK, 0.5, answer_NK)
        components = {clause.name: Scores(answer_NK[:, k]) for k, clause in enumerate(self.clauses)}
        components[UNANSWERED] = Scores(missing_NK.sum(1).astype(np.float64))
        return Scores(answer_NK @ self.weight_K, components=components)


def answers_of(
    model: YesOrNo,
    clauses: Sequence[Clause],
    prompts: Sequence[Prompt],
    texts: Sequence[str],
    examples: Mapping[str, Sequence[Shown]],
) -> NDArray[np.float64]:
    """P(clause k holds of text n), [N, K]; NaN where there is no answer."""
    questions = [
        conversation(clause, prompt, text, examples.get(clause.name, ()))
        for prompt, text in zip(prompts, texts, strict=True)
        for clause in clauses
    ]
    answer_X = model.probability(questions) if questions else np.zeros(0)
    return answer_X.reshape(len(texts), len(clauses))
