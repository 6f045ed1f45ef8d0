"""Do the policy's good answers still mean different things? DC2, in meaning."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import AnswerMeaning, Verdict
from accord.artefacts.finding import Collection
from accord.audit.challenges import DC2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.distribution.meanings import meanings_read
from accord.audit.distribution.semantic_entropy import expected_entropy
from accord.audit.distribution.thresholds import DistributionThresholds
from accord.audit.evidence import MEANINGS, SAMPLES, Evidence
from accord.audit.verdicts import Ruling, all_of, at_least, at_most
from accord.errors import MissingEvidence
from accord.stats import Estimate, jackknife, mean, rate

__all__ = ["semantic_diversity"]

Floats = NDArray[np.float64]
FEWEST_GOOD, FEWEST_PROMPTS = 4, 6  # good answers of each arm to a prompt; such prompts
ALL_DIFFER = 0.9  # of the start's answers: then their wording tells nothing of what they mean


@check(
    DC2,
    "semantic diversity",
    claim="The policy's good answers mean as many different things as its start's.",
    thresholds=DistributionThresholds,
    needs=(artefact(MEANINGS, SAMPLES),),
    explained=("RG2 turnover",),
    collect=Collection(
        MEANINGS,
        "many samples of start and policy to a prompt, and who says which of them mean the same",
        "16 samples of each of 30 held-out prompts, and `[audit.distribution] meaning`",
    ),
)
def semantic_diversity(evidence: Evidence, thresholds: DistributionThresholds) -> Outcome:
    """The entropy of the classes of answers that mean the same, among the good answers to a prompt, policy over start.

    Arms are compared at the number of good answers that both have, so that a policy which is oftener good is not wider
    for that. It fires where surely less than a share of the start's is left, and the start surely had several answers:
    where one is right there is nothing to lose.
    """
    rows, file = _rows(evidence, thresholds)
    pairs = _of_prompts(rows, thresholds.good_answer)
    before_P, after_P = (
        np.array([expected_entropy(list(pair[arm].values()), pair.size) for pair in pairs.values()]) for arm in (0, 1)
    )
    size_P = np.array([float(pair.size) for pair in pairs.values()])
    left = mean(after_P - thresholds.meanings * before_P)
    several = at_most(mean(before_P), log(thresholds.several))
    unsaid = rows[0].by == "text" and np.exp(before_P).sum() > ALL_DIFFER * size_P.sum()
    lost = after_P < thresholds.meanings * before_P
    return Outcome(
        ruling=_ruling(all_of(several, at_least(left, 0.0)), unsaid),
        estimate=_ratio(before_P, after_P),
        threshold=f"less than {thresholds.meanings:g} of the start's entropy left, of more than "
        f"{thresholds.several:g} answers in effect",
        result=f"Among its good answers to a prompt the policy has {np.exp(after_P).mean():.2f} in effect that differ "
        f"in meaning (by {rows[0].by}), among as many of its start's there are {np.exp(before_P).mean():.2f}.",
        remedy="Strengthen the KL penalty (`kl_coef`) or stop earlier; where few answers to a prompt are good, see "
        "what the prompts named ask.",
        evidence=(file,),
        ids={"prompts": [prompt for prompt, is_lost in zip(pairs, lost, strict=True) if is_lost]},
        facts={
            "good answers in effect, start": mean(np.exp(before_P)),
            "good answers in effect, policy": mean(np.exp(after_P)),
            "good answers to a prompt that are compared": mean(size_P),
            **_kept(pairs),
        },
        source="semantic entropy: Kuhn et al. 2023 (arXiv 2302.09664); among good answers: Shypula et al. 2025 (arXiv "
        "2504.12522)",
    )


def _ratio(before_P: Floats, after_P: Floats) -> Estimate:
    """Entropy of all prompts together, policy over start; 1 where neither has any, none to lose and none lost."""
    if not before_P.any():
        return mean(np.where(after_P > 0, np.exp(after_P), 1.0))
    return jackknife(lambda rows_P: _over(after_P[rows_P].sum(), before_P[rows_P].sum()), len(before_P))


def _over(after: float, before: float) -> float:
    return float(after / before) if before else float("nan")


class _Good(NamedTuple):
    """The good answers to a prompt by meaning, of start and policy."""

    start: Counter[int]
    policy: Counter[int]

    @property
    def size(self) -> int:
        """So many do both have."""
        return min(self.start.total(), self.policy.total())


def _rows(evidence: Evidence, thresholds: DistributionThresholds) -> tuple[Sequence[AnswerMeaning], str]:
    """Answers with their meaning, and the file that they are of.

    Raises `MissingEvidence` where there are none, or the function was not asked that says what means the same.
    """
    rows: Sequence[AnswerMeaning]
    if evidence.holds(MEANINGS):
        rows, file = evidence.answer_meanings, MEANINGS
    elif thresholds.arbiter:
        raise MissingEvidence(
            f"{MEANINGS} of the run (what `{thresholds.arbiter.rpartition('/')[2]}` says of {SAMPLES})"
        )
    else:
        rows, file = list(meanings_read(evidence.evaluation_samples, thresholds.meaning)), SAMPLES
    if not rows:
        raise MissingEvidence(f"samples of start and policy in {file}")
    return rows, file


def _of_prompts(rows: Sequence[AnswerMeaning], level: float | None) -> dict[str, _Good]:
    """The prompts to which both arms have enough good answers. Raises `MissingEvidence` where they are too few."""
    by_prompt: dict[str, dict[str, list[AnswerMeaning]]] = {}
    for row in rows:
        by_prompt.setdefault(row.prompt, {}).setdefault(row.arm, []).append(row)
    pairs = {}
    for prompt in sorted(by_prompt):
        start, policy = (by_prompt[prompt].get(arm, []) for arm in ("start", "policy"))
        if start and policy:
            is_good = _gate(start, level)
            pairs[prompt] = _Good(*(Counter(row.meaning for row in arm if is_good(row)) for arm in (start, policy)))
    enough = {prompt: pair for prompt, pair in pairs.items() if pair.size >= FEWEST_GOOD}
    if len(enough) < FEWEST_PROMPTS:
        raise MissingEvidence(
            f"{FEWEST_PROMPTS} prompts to which start and policy have {FEWEST_GOOD} good answers each (there are "
            f"{len(enough)})"
        )
    return enough


def _gate(start: Sequence[AnswerMeaning], level: float | None) -> Callable[[AnswerMeaning], bool]:
    """Whether an answer is good: by the level that is stated, or else no worse than the start's mean for the prompt.

    Where nobody scored the start's answers all are. One that has no score beside others that have is not good.
    """
    scores = [row.score for row in start if row.score is not None and isfinite(row.score)]
    if level is None and not scores:
        return lambda row: True
    least = float(np.mean(scores)) if level is None else level
    least -= 1e-9 * max(1.0, abs(least))  # scores that are all equal are no worse than their mean
    return lambda row: row.score is not None and row.score >= least


def _kept(pairs: Mapping[str, _Good]) -> dict[str, Estimate]:
    """Of the meanings of the start's good answers, the share that the policy's samples still have."""
    kept = [(meaning in pair.policy, prompt) for prompt, pair in pairs.items() for meaning in pair.start]
    return {"the start's good meanings that the policy still has": rate(*zip(*kept, strict=True))}


def _ruling(ruling: Ruling, unsaid: bool) -> Ruling:
    """Not quiet where classes are those of the wording, and all wordings differ anyway."""
    if ruling.verdict is Verdict.QUIET and unsaid:
        needs = "whoever says which answers mean the same, for their texts all differ (`[audit.distribution] meaning`)"
        return Ruling(Verdict.INCONCLUSIVE, needs, ruling.p_value)
    return ruling
