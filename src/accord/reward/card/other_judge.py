"""How often two judges of a run order the same texts alike."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from accord.artefacts import JudgeAgreement, ScoreRow
from accord.reward.card.enough import too_few
from accord.stats import rate

__all__ = ["judge_agreement"]

TEXTS = 8  # of a prompt, whose orders are compared; the first by id


def judge_agreement(
    values: Mapping[str, float], rows: Sequence[ScoreRow], *, judge: str, digest: str
) -> JudgeAgreement:
    """The share of a prompt's pairs of texts that both order alike, over prompts; no order by one of them is half.

    `rows` are the scores by the `judge` of that name, from the file of that digest.
    """
    by_prompt: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.completion in values:
            by_prompt.setdefault(row.prompt, {})[row.completion] = row.score
    shares = []
    for scores in by_prompt.values():
        names = sorted(scores)[:TEXTS]
        signs = [
            np.sign((values[one] - values[other]) * (scores[one] - scores[other]))
            for one, other in combinations(names, 2)
        ]
        if signs:
            shares.append(float(np.mean(0.5 * (np.array(signs) + 1))))
    if not shares:
        note = "not assessable: the two judges scored no two texts of one prompt"
        return JudgeAgreement(judge=judge, scores_digest=digest, note=note)
    estimate = rate(np.array(shares))
    few = too_few(estimate)
    return JudgeAgreement(judge=judge, scores_digest=digest, estimate=None if few else estimate, note=few)
