"""How far behind the weights were that wrote what a policy learnt from, and how far its probabilities moved by that."""

from collections import Counter
from collections.abc import Iterable, Mapping
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


def staleness_of(evidence: Evidence, rows: Iterable[RolloutRow]) -> Staleness:
    """Of the rollouts of a run; `weights_step` says by which weights each was written. No row is held."""
    lags: Counter[int] = Counter()
    sizes: dict[int, list[tuple[float, int]]] = {}
    for row in rows:
        lag = 0 if row.weights_step is None else row.step - 1 - row.weights_step
        lags[lag] += 1
        tokens = measured_tokens(row)
        if tokens is not None and tokens.ids_T:
            size = float(np.abs(np.subtract(tokens.logprob_T, tokens.sampler_T)).mean())
            sizes.setdefault(lag, []).append((size, len(tokens.ids_T)))
    if not any(lags):
        return Staleness()
    stale = sum(count for lag, count in lags.items() if lag > 0)
    words = f" {stale} of {lags.total()} samples were written by weights up to {max(lags)} steps behind."
    facts = {
        f"the same of weights {lag} steps behind": mean([size for size, _ in of_lag], weights=[n for _, n in of_lag])
        for lag, of_lag in sorted(sizes.items())
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
