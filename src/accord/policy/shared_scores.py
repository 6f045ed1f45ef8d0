"""Scores of samples where several processes share a stage: each text is judged once.

A judge that every process has is asked by each for its share of the texts. Any other is asked by the first process for
all of them: what lies outside of it, or keeps count of what it is asked, hears of each text once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accord.errors import ModelError
from accord.interfaces import Judge, Scores
from accord.policy.judge_failures import JudgeFailedError, PatientJudge, scores_of
from accord.records import Completion, Prompt
from accord.train.ranks import FirstFailedError, from_first, gather, is_first, own_share

__all__ = ["JudgeOfAll", "join_scores", "scores_by_all"]


@dataclass(frozen=True)
class JudgeOfAll:
    """A `Judge` that every process has: a model, which scores each text by itself."""

    judge: Judge

    @property
    def name(self) -> str:
        """The judge's."""
        return self.judge.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The judge's scores."""
        return self.judge.score(prompts, completions)


def scores_by_all(judge: Judge, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
    """The judge's scores, in every process. Raises what it raises; `FirstFailedError` in all but the first."""
    asked = judge.judge if isinstance(judge, PatientJudge) else judge
    if not isinstance(asked, JudgeOfAll):
        return from_first(lambda: scores_of(judge, prompts, completions))
    own = own_share(range(len(completions)), lambda place: 1 + len(completions[place].text))
    problem, scores = "", None
    if own:
        try:
            scores = scores_of(judge, [prompts[place] for place in own], [completions[place] for place in own])
        except JudgeFailedError as failed:
            problem = str(failed)
    parts = gather((problem, scores))
    if problems := [each for each, _ in parts if each]:
        raise JudgeFailedError(ModelError(problems[0])) if is_first() else FirstFailedError
    return join_scores([each for _, each in parts if each is not None])


def join_scores(parts: Sequence[Scores]) -> Scores:
    """Scores of texts one after the other, by one judge."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return Scores(
        np.concatenate([each.value_N for each in parts]),
        std_N=_together([each.std_N for each in parts]),
        components={name: join_scores([each.components[name] for each in parts]) for name in first.components},
        credits=None if first.credits is None else tuple(row for each in parts for row in each.credits or ()),
        scale=first.scale,
        tokens_N=_together([each.tokens_N for each in parts]),
        members_NS=_together([each.members_NS for each in parts]),
    )


def _together(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if known else None
