"""Rows of samples as the checks read them."""

from collections.abc import Sequence
from typing import Any

from accord.audit.evidence import SAMPLES, Evidence
from accord.errors import MissingEvidence

__all__ = ["Row", "arm", "spread"]

Row = dict[str, Any]


def arm(evidence: Evidence, name: str) -> list[Row]:
    """The evaluation's samples of `start` or `policy` that have a token.

    Raises `MissingEvidence` where there are none.
    """
    rows = [row for row in evidence.jsonl(SAMPLES) if row["arm"] == name and row["token_ids"]]
    if not rows:
        raise MissingEvidence(f"samples of the arm '{name}' in {SAMPLES}")
    return rows


def spread(rows: Sequence[Row], n: int) -> list[Row]:
    """At most `n` rows, from all over: rows stand in order of prompt, and the first ones would be of one prompt."""
    count = min(n, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]
