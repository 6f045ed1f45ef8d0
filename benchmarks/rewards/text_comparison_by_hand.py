"""Forty pairs that were written by hand after the comparator of `text_comparison` was trained: how often is it right?

The pairs stand in hand_written_pairs.jsonl. The comparator is the one that `python -m benchmarks rewards
text_comparison` left under runs/, the cosine's bars are those that it chose.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accord.reward.comparator.comparing import Compared, Cosine, TrainedComparator
from accord.stats import mean, proportion
from benchmarks.rewards.text_comparison import KEPT

PAIRS = Path(__file__).parent / "hand_written_pairs.jsonl"
MEASURED = Path(__file__).parent / "text_comparison.json"


def measure(data: Path, seeds: range) -> dict[str, Any]:
    """Shares of right answers, of both questions, by kind; and what was wrong."""
    rows = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    texts, references = [row["text"] for row in rows], [row["reference"] for row in rows]
    found: dict[str, Any] = {}
    for seed in seeds:
        comparator = TrainedComparator.load(KEPT / f"text_comparison-{seed}")
        bars = json.loads(MEASURED.read_text())[f"seed {seed}"]["bars of the cosine"]
        by_head = comparator.compare(texts, references)
        by_cosine = Cosine(comparator.encoder).compare(texts, references)
        found[f"seed {seed}"] = {
            "comparator": _shares(rows, by_head, {"same": 0.5, "extra": 0.5}),
            "cosine": _shares(rows, by_cosine, bars),
            "wrong about same": [
                {**row, "p": round(p, 3)}
                for row, p in zip(rows, by_head.same_N.tolist(), strict=True)
                if (p > 0.5) != bool(row["same"])
            ],
        }
    return found


def _shares(rows: Sequence[Mapping[str, Any]], compared: Compared, bars: Mapping[str, float]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for question, value_N in (("same", compared.same_N), ("extra", compared.extra_N)):
        right_N = (value_N > bars[question]) == np.array([bool(row[question]) for row in rows])
        truth_N = np.array([bool(row[question]) for row in rows])
        share = proportion(int(right_N.sum()), len(right_N))
        kinds = sorted({row["kind"] for row in rows})
        table[question] = {
            "all": [str(share)],
            "balanced": round(mean([right_N[truth_N].mean(), right_N[~truth_N].mean()]).value, 3),
            **{
                kind: f"{sum(right_N[i] for i, row in enumerate(rows) if row['kind'] == kind)} of "
                f"{sum(row['kind'] == kind for row in rows)}"
                for kind in kinds
            },
        }
    return table
