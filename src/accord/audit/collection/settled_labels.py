"""DQ2: answers to items whose label was settled before."""

from accord.audit.challenges import DQ2
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.collection.cost_frontier import CONTROLS
from accord.audit.collection.cost_thresholds import CostThresholds
from accord.audit.collection.label_information import settled_before
from accord.audit.collection.tiers import Item, TieredStudy, study_of_tiers
from accord.audit.evidence import Evidence
from accord.audit.verdicts import at_most
from accord.run import MANIFEST
from accord.stats import Estimate, rate

__all__ = ["redundancy", "spent_on_settled"]


@check(
    DQ2,
    "redundancy",
    claim="Little was spent on answers to items whose label was settled already.",
    thresholds=CostThresholds,
    needs=(LEDGER,),
    collect=CONTROLS,
)
def redundancy(evidence: Evidence, thresholds: CostThresholds) -> Outcome:
    """The share of the cost that went to answers before which the label was sure (`settled`), by one coin a person.

    Answers are taken in the order of their times, or of the ledger where some have none. Over prompts.
    """
    study = study_of_tiers(evidence.all_records, thresholds)
    share = spent_on_settled(study, thresholds)
    wasteful = [item for item in study.items if _settled_cost(study, item, thresholds) > 0]
    return Outcome(
        ruling=at_most(share, thresholds.redundant),
        estimate=share,
        threshold=f"above {thresholds.redundant:g}",
        result=f"{share.value:.1%} of what the study '{study.name}' cost went to answers on items of which one side "
        f"was right with probability {thresholds.settled:g} or more: {len(wasteful):,} of {len(study.items):,} items.",
        remedy="Stop asking about an item once its answers agree so far, and spend what is saved on new items.",
        evidence=(MANIFEST,),
        ids={"prompts": (item.prompt for item in wasteful)},
        source="Dawid & Skene 1979 with one coin each; stopping by the posterior, Wald 1945",
    )


def spent_on_settled(study: TieredStudy, thresholds: CostThresholds) -> Estimate:
    """Of all that the items cost, the share."""
    cost_N = [study.cost(item, thresholds.per_item) for item in study.items]
    share_N = [_settled_cost(study, item, thresholds) / cost for item, cost in zip(study.items, cost_N, strict=True)]
    return rate(share_N, [item.prompt for item in study.items], weights=cost_N)


def _settled_cost(study: TieredStudy, item: Item, thresholds: CostThresholds) -> float:
    settled = settled_before(item.votes, study.accuracy, thresholds.settled)
    return sum(study.tiers[pool].cost for (pool, _), known in zip(item.votes, settled, strict=True) if known)
