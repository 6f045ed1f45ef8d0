"""Rewards that the same data might have made: members of an ensemble, and rewards of runs beside with other seeds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accord.audit.evidence import REWARD_BESIDE, Evidence
from accord.audit.seeds.other_seeds import runs_of_seeds
from accord.errors import MissingEvidence
from accord.interfaces import Scores
from accord.records import Completion, Prompt

__all__ = ["names_of_versions", "scores_by_version"]

Floats = NDArray[np.float64]
MEMBERS = "member"


def scores_by_version(evidence: Evidence, prompts: Sequence[Prompt], texts: Sequence[Completion]) -> Floats:
    """What each version makes of N texts, [N, S]: the run's reward and those beside it; else the reward's members.

    Where there are rewards of other seeds, members of each count as the one reward that they are. Raises
    `MissingEvidence` where there is a single version.
    """
    own = evidence.judge("reward").score(prompts, texts)
    if evidence.beside:
        runs_of_seeds(evidence)  # rewards of other recipes are no versions of this one
    beside = [judge for name, judge in evidence.judges.items() if name.startswith(REWARD_BESIDE)]
    if beside:
        return np.stack([own.value_N, *(judge.score(prompts, texts).value_N for judge in beside)], axis=1)
    return _members(own)


def names_of_versions(evidence: Evidence, count: int) -> str:
    """What they are, in words."""
    beside = any(name.startswith(REWARD_BESIDE) for name in evidence.judges)
    return f"{count} rewards of other seeds" if beside else f"{count} members of the reward"


def _members(scores: Scores) -> Floats:
    if scores.members_NS is None or scores.members_NS.shape[1] < 2:
        raise MissingEvidence(
            "several versions of the reward: members (`ensemble_size` in `[reward]`), or rewards of other seeds "
            "(`accord run RECIPE --seeds 0:5`, `accord audit RUN --beside OTHER`)"
        )
    return np.asarray(scores.members_NS, dtype=np.float64)
