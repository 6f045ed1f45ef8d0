"""The steps of a policy that learnt from samples."""

from accord.artefacts import OnlineMetrics
from accord.audit.evidence import METRICS, Evidence

__all__ = ["online_metrics"]


def online_metrics(evidence: Evidence) -> list[OnlineMetrics]:
    """What they logged; nothing of a policy that learnt from pairs or examples, or of one without a log."""
    rows = evidence.metrics("policy") if evidence.holds(METRICS) else []
    return [row for row in rows if isinstance(row, OnlineMetrics)]
