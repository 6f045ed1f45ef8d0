"""Whether a policy has learnt to stop, by what its steps logged: where no samples were kept with their ends."""

import math

from accord.artefacts import OnlineMetrics
from accord.audit.checks import Outcome
from accord.audit.evidence import METRICS, SAMPLES, Evidence
from accord.audit.preflight.steps import online_metrics
from accord.audit.verdicts import at_least
from accord.errors import MissingEvidence
from accord.stats import Estimate, rate

__all__ = ["stopping_as_logged"]

LAST = 5  # one in so many steps, the last ones, stand for what was learnt
FEWEST = 6  # of them: shares that are all 1 then lie surely above a half


def stopping_as_logged(evidence: Evidence, limit: float) -> Outcome:
    """The share of samples that ended themselves in the last fifth of the steps; steps are the independent units.

    Whether anything follows an end is not known: that takes token ids. Raises `MissingEvidence` where no step logged
    a share.
    """
    logged = [row for row in online_metrics(evidence) if row.stop_rate is not None]
    if not logged:
        raise MissingEvidence(f"`token_ids` and `finish_reason` of samples in {SAMPLES}, or `stop_rate` in {METRICS}")
    some = min(len(logged), max(FEWEST, len(logged) // LAST))
    at_end, at_start = _share(logged[-some:]), _share(logged[:some])
    return Outcome(
        ruling=at_least(at_end, limit),
        estimate=at_end,
        threshold=f"fewer than {limit:g} of the completions end themselves",
        result=f"By what the last {some} of {len(logged)} logged steps say, {at_end.value:.0%} of the policy's "
        f"completions end themselves ({at_start.value:.0%} in the first {some}). Whether anything follows an end is "
        "not known without token ids.",
        remedy="Mask by length, never by `ids != pad`, and put EOS at the end of every training completion.",
        evidence=(METRICS,),
        facts={"stop rate in the first steps": at_start},
    )


def _share(rows: list[OnlineMetrics]) -> Estimate:
    """The mean share of some steps; how many samples stand behind it bounds what it is worth, where that is known."""
    counts = [row.samples for row in rows if row.samples is not None]
    information = float(sum(counts)) if len(counts) == len(rows) else math.inf
    return rate([row.stop_rate for row in rows if row.stop_rate is not None], information=information)
