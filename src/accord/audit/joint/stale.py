"""JT2: whether the reward still foretells what is said of the policy's texts, or has been outrun."""

import numpy as np

from accord.audit.challenges import JT2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import ASKED_ANSWERS, Evidence
from accord.audit.joint.foretold import ANSWERS, Foretold
from accord.audit.joint.thresholds import JointThresholds
from accord.audit.verdicts import at_most
from accord.stats import mean, rate

__all__ = ["stale"]


@check(
    JT2,
    "stale",
    claim="The reward foretells what is said of the policy's texts as it does of held-out ones.",
    thresholds=JointThresholds,
    needs=(artefact(ASKED_ANSWERS),),
    explained=("JT1 growth",),
    collect=ANSWERS,
)
def stale(evidence: Evidence, thresholds: JointThresholds) -> Outcome:
    """Of answers on pairs that the policy of the round before wrote: the share that the reward of that round should
    have foretold, by the log-odds that are right on its held-out pairs, less the share that it did."""
    foretold = Foretold.of(evidence)
    right_N = (foretold.chosen_N > 0.5) + 0.5 * (foretold.chosen_N == 0.5)
    stated_N = np.maximum(foretold.chosen_N, 1 - foretold.chosen_N)
    prompts, people = foretold.prompts, foretold.people
    shortfall = mean(stated_N - right_N, prompts, crossed=people)
    return Outcome(
        ruling=at_most(shortfall, thresholds.stale),
        estimate=shortfall,
        threshold=f"surely more than {thresholds.stale:g}",
        result=f"On pairs that the policy wrote, {right_N.mean():.0%} of the answers went with the reward that taught "
        f"it; of one that is as right there as on held-out pairs {stated_N.mean():.0%} would have.",
        remedy='Ask again about what the policy writes now, and more often: `[loop] every`, or `ask = "rule"`; stop '
        "earlier (`[loop] max_kl`), or raise the KL term.",
        evidence=(ASKED_ANSWERS,),
        facts={"answers that went with the reward": rate(right_N, prompts, crossed=people)},
        source="stale preferences: Casper et al. 2023, section 3.4; Gao et al. 2022 (arXiv 2210.10760)",
    )
