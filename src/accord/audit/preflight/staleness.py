"""How far behind the weights were that wrote what a policy learnt from, and how far its probabilities moved by that."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from accord.artefacts import RECIPE, RolloutRow, measured_tokens
from accord.audit.evidence import Evidence
from accord.stats import Estimate, mean

__all__ = ["Staleness", "staleness_of"]


class Staleness(NamedTuple):
    """What stale rollouts add to what is said of sampler and trainer.

    words     a sentence; empty where all samples are the policy's own
    problem   a sentence where samples lie further behind than the recipe allows, or are learnt from as if they did not
    facts     the mean size of the log-ratio of a token, by how many steps the weights lay behind
    """

    words: str = ""
    problem: str = ""
    facts: Mapping[str, Estimate] = {}


def staleness_of(evidence: Evidence, rows: Sequence[RolloutRow]) -> Staleness:
    """Of the rollouts of a run; `weights_step` says by which weights each was written."""
    lags = [0 if row.weights_step is None else row.step - 1 - row.weights_step for row in rows]
    stale = sum(lag > 0 for lag in lags)
    if not any(lags):
        return Staleness()
    words = f" {stale} of {len(rows)} samples were written by weights up to {max(lags)} steps behind."
    facts = {
        f"the same of weights {lag} steps behind": size
        for lag in sorted(set(lags))
        if (size := _size([row for row, its_lag in zip(rows, lags, strict=True) if its_lag == lag])) is not None
    }
    return Staleness(words, _problem(evidence, max(lags), min(lags)), facts)


def _problem(evidence: Evidence, furthest: int, nearest: int) -> str:
    if nearest < 0:
        return " Some are said to be written by weights that were not there yet."
    if not evidence.has(RECIPE):
        return ""
    policy = evidence.recipe.get("policy", {})
    allowed = policy.get("staleness", 0)
    if furthest > allowed:
        return f" The recipe allows {allowed} (policy.staleness)."
    if policy.get("importance_weights") == "none":
        return " They are learnt from as if they were the policy's own (importance_weights = none)."
    return ""


def _size(rows: Sequence[RolloutRow]) -> Estimate | None:
    tokens = [each for each in map(measured_tokens, rows) if each is not None and each.ids_T]
    if not tokens:
        return None
    sizes = [float(np.abs(np.subtract(each.logprob_T, each.sampler_T)).mean()) for each in tokens]
    return mean(sizes, weights=[len(each.ids_T) for each in tokens])
