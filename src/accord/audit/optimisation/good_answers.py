"""RL1: whether good answers come up at all, since what is never written is never rewarded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

from accord.artefacts import RolloutRow
from accord.artefacts.finding import Collection
from accord.audit.challenges import RL1
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import ROLLOUTS, SAMPLES, Evidence
from accord.audit.optimisation.pass_at_k import pass_at_k
from accord.audit.optimisation.thresholds import OptimisationThresholds
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.stats import Estimate, rate

__all__ = ["coverage"]

FEWEST_ROLLOUTS = 4  # of a prompt: with fewer, nothing is said of it
FEWEST_PROMPTS = 6


@check(
    RL1,
    "coverage",
    claim="Good answers come up often enough to be learnt from.",
    thresholds=OptimisationThresholds,
    needs=(artefact(ROLLOUTS),),
    collect=Collection(
        ROLLOUTS,
        "the texts that the policy learnt from, with their rewards",
        f"{FEWEST_ROLLOUTS} rollouts of each of {FEWEST_PROMPTS} prompts at least",
    ),
)
def coverage(evidence: Evidence, thresholds: OptimisationThresholds) -> Outcome:
    """The share of the training's prompts on which no rollout ever was good.

    Good is a reward of `good` or more. Where that is not stated, a prompt counts where all its rewards are equal and
    below the best of the run: none of its answers told another from it, so nothing was learnt there (zero advantages).
    Rewards that are no verdicts differ from text to text, and leave no such prompt.
    """
    rewards = _Rewards.of(evidence.samples(), thresholds.good)
    barren = [prompt for prompt, rewards_N in rewards.by_prompt.items() if rewards.is_barren(rewards_N)]
    share = rate([prompt in set(barren) for prompt in rewards.by_prompt])
    equal = rate(*zip(*rewards.equal_groups, strict=True)) if rewards.equal_groups else None
    return Outcome(
        ruling=at_most(share, thresholds.barren),
        estimate=share,
        threshold=f"more than {thresholds.barren:g} of the prompts",
        result=f"On {len(barren)} of {len(rewards.by_prompt)} prompts no rollout of the run was good"
        + (f"; in {equal.value:.0%} of the groups all rewards were equal." if equal else "."),
        remedy="Begin with a supervised start that writes good answers now and then (`[sft]`), draw more of each "
        "prompt (`[policy] group_size`), reward parts of an answer (a reward with credits and `[policy] dense`), or "
        "leave these prompts out until easier ones are learnt.",
        evidence=(ROLLOUTS, *((SAMPLES,) if evidence.holds(SAMPLES) else ())),
        ids={"prompts": barren},
        facts=({} if equal is None else {"groups whose rewards are all equal": equal})
        | _of_verdicts(rewards, evidence),
        source="groups without advantages: Yu et al. 2025 (arXiv 2503.14476); one of k answers: Chen et al. 2021 "
        "(arXiv 2107.03374)",
    )


@dataclass(frozen=True)
class _Rewards:
    """Rewards of rollouts by step and prompt, in the order of the file; prompts with too few are left out."""

    by_group: Mapping[tuple[int, str], Sequence[float]]
    good: float | None

    @classmethod
    def of(cls, rows: Sequence[RolloutRow], good: float | None) -> "_Rewards":
        """Raises `MissingEvidence` where too few prompts have rewards."""
        by_group: dict[tuple[int, str], list[float]] = {}
        count: dict[str, int] = {}
        for row in rows:
            if row.reward is not None and isfinite(row.reward):
                by_group.setdefault((row.step, row.prompt), []).append(row.reward)
                count[row.prompt] = count.get(row.prompt, 0) + 1
        enough = {prompt for prompt, rollouts in count.items() if rollouts >= FEWEST_ROLLOUTS}
        if len(enough) < FEWEST_PROMPTS:
            raise MissingEvidence(
                f"{FEWEST_PROMPTS} prompts with {FEWEST_ROLLOUTS} rollouts and their rewards in {ROLLOUTS} (there are "
                f"{len(enough)})"
            )
        return cls({group: rewards for group, rewards in by_group.items() if group[1] in enough}, good)

    @cached_property
    def by_prompt(self) -> dict[str, list[float]]:
        """Rewards of all steps together."""
        found: dict[str, list[float]] = {}
        for (_, prompt), rewards in self.by_group.items():
            found.setdefault(prompt, []).extend(rewards)
        return found

    @cached_property
    def values(self) -> frozenset[float]:
        """Every reward that was given."""
        return frozenset(reward for rewards in self.by_group.values() for reward in rewards)

    @property
    def level(self) -> float | None:
        """The reward from which an answer is good: stated, or the better of two verdicts; None where neither is so."""
        if self.good is not None:
            return self.good
        return max(self.values) if len(self.values) == 2 else None

    def is_barren(self, rewards: Sequence[float]) -> bool:
        """Whether none of a prompt's rewards is good."""
        if self.good is not None:
            return max(rewards) < self.good
        return min(rewards) == max(rewards) and (len(self.values) == 1 or rewards[0] < max(self.values))

    @property
    def equal_groups(self) -> list[tuple[bool, str]]:
        """Of each group of two and more, whether its rewards are all equal, with its prompt."""
        return [
            (min(rewards) == max(rewards), prompt) for (_, prompt), rewards in self.by_group.items() if len(rewards) > 1
        ]


def _of_verdicts(rewards: _Rewards, evidence: Evidence) -> dict[str, Estimate]:
    """How often answers are good, where it is known when one is: at the first step and the last, and of fresh samples
    of both arms, one and as many as there are.
    """
    level = rewards.level
    if level is None:
        return {}
    steps = sorted({step for step, _ in rewards.by_group})
    facts = {}
    for name, step in (("first", steps[0]), ("last", steps[-1])):
        of_step = [
            (reward >= level, group[1])
            for group, some in rewards.by_group.items()
            if group[0] == step
            for reward in some
        ]
        facts[f"good rollouts, {name} step"] = rate(*zip(*of_step, strict=True))
    return facts | _one_of_many(rewards, evidence, level)


def _one_of_many(rewards: _Rewards, evidence: Evidence, level: float) -> dict[str, Estimate]:
    """How often one of k fresh samples is good: whether the policy does at once what its start does among many.

    Left out where there are no such samples, or where their rewards are no verdicts of the same kind.
    """
    if not evidence.holds(SAMPLES):
        return {}
    by_arm: dict[str, dict[str, list[float]]] = {"start": {}, "policy": {}}
    for row in evidence.evaluation_samples:
        if row.arm in by_arm and row.reward is not None:
            by_arm[row.arm].setdefault(row.prompt, []).append(row.reward)
    scores = [score for arm in by_arm.values() for some in arm.values() for score in some]
    if rewards.good is None and not rewards.values.issuperset(scores):
        return {}
    groups = [some for arm in by_arm.values() for some in arm.values()]
    if not all(by_arm.values()):
        return {}
    most = min(map(len, groups))
    return {
        f"one of {k} is good, {arm}": rate(
            [pass_at_k(len(some), sum(score >= level for score in some), k) for some in by_prompt.values()]
        )
        for arm, by_prompt in by_arm.items()
        for k in dict.fromkeys((1, most))
    }
