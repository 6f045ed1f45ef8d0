"""X1: whether the reward errs more where nothing near was ever asked."""

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import X1
from accord.audit.checks import LEDGER, Outcome, artefact, check, judge
from accord.audit.collection.coverage import prompt_sets
from accord.audit.collection.prompt_distances import PromptSets, uncovered_share
from accord.audit.collection.thresholds import CoverageThresholds
from accord.audit.collection.topic_gap import UNITS, Votes, gap_of, votes_on
from accord.audit.collection.topics import Topics
from accord.audit.evidence import DEPLOYMENT_PROMPTS, Evidence
from accord.audit.verdicts import Ruling, all_of, at_most
from accord.errors import MissingEvidence
from accord.stats import Estimate

__all__ = ["uncovered_error"]

COVERED, UNCOVERED = 0, 1
LIMITS = "uncovered above {share:g}, and the reward worse there by more than {gap:g}"
REMEDY = (
    "Ask people about such prompts; until then let the policy lean less on the reward there (a stronger KL penalty, or "
    "caution where members disagree)."
)
SOURCE = "coverage of prompts, as in RLHF Deciphered (arXiv 2404.08555); difference of means: Zou & Donner 2008"


@check(
    X1,
    "error",
    claim="The reward errs no more on prompts that are far from all that people were asked about.",
    thresholds=CoverageThresholds,
    needs=(LEDGER, artefact(DEPLOYMENT_PROMPTS), judge("reward")),
    explained=("DQ1 topics",),
    collect=Collection(
        "Feedback.judgement",
        "comparisons of two answers to deployment prompts, those that are far from the feedback's too (`--audit-ledger "
        "LEDGER`)",
        "30 prompts near and 30 far, and 10 people of each, three people a prompt",
        "deployment",
    ),
)
def uncovered_error(evidence: Evidence, thresholds: CoverageThresholds) -> Outcome:
    """The reward's accuracy on uncovered prompts against that on all, people's own agreement taken off.

    Uncovered is what DQ1 coverage calls so. What a reward is asked beyond its data is decided by its prior alone, so
    that the policy's loss there grows with how much it trusts the reward (RLHF Deciphered, arXiv 2404.08555, section
    5). It fires where much is surely uncovered and the reward surely worse there.
    """
    sets = prompt_sets(evidence, thresholds.max_prompts)
    share = uncovered_share(sets, thresholds.quantile)
    if share is None:
        raise MissingEvidence("enough prompts that people were asked about to say which are far from all")
    much = at_most(share, thresholds.uncovered)
    votes = votes_on(evidence, sets, _by_coverage(sets, thresholds.quantile))
    if votes.asked_after and min(votes.units(COVERED), votes.units(UNCOVERED)) >= UNITS:
        return _outcome(votes, much, share, thresholds)
    if much.verdict is Verdict.FIRES:
        raise MissingEvidence(
            f"judged pairs of answers to deployment prompts near and far from the feedback ({UNITS} people and prompts "
            "of each)"
        )
    return Outcome(
        ruling=much,
        estimate=share,
        threshold=LIMITS.format(share=thresholds.uncovered, gap=thresholds.gap),
        result=f"{share.value:.0%} of the deployment's prompts are far from all that people were asked about, and too "
        "few answers to those were judged to ask how the reward does there.",
        remedy=REMEDY,
        evidence=(DEPLOYMENT_PROMPTS,),
        source=SOURCE,
    )


def _outcome(votes: Votes, much: Ruling, share: Estimate, thresholds: CoverageThresholds) -> Outcome:
    gap = gap_of(votes, UNCOVERED, (COVERED, UNCOVERED))
    near, far = votes.accuracy(COVERED), votes.accuracy(UNCOVERED)
    return Outcome(
        ruling=all_of(much, at_most(gap, thresholds.gap)),
        estimate=gap,
        threshold=LIMITS.format(share=thresholds.uncovered, gap=thresholds.gap),
        result=f"On prompts that are far from all that people were asked about the reward is right in {far.value:.0%} "
        f"of {far.n} answers, and in {near.value:.0%} of {near.n} on the others.",
        remedy=REMEDY,
        evidence=(DEPLOYMENT_PROMPTS, "the ledger of the audit"),
        ids={"feedback": votes.wrong_on(UNCOVERED)},
        facts={"uncovered share": share, "accuracy, covered": near, "accuracy, uncovered": far},
        source=SOURCE,
    )


def _by_coverage(sets: PromptSets, quantile: float) -> Topics:
    """Which prompts are covered: those of the feedback are, and those of the deployment that are near one."""
    own_F, other_M = np.split(sets.distance_N, [len(sets.feedback)])
    far_M = other_M > np.quantile(own_F, quantile)
    place_N = np.concatenate([np.zeros(len(own_F), dtype=np.intp), far_M.astype(np.intp)])
    return Topics(("covered", "uncovered"), place_N, by_source=False)
