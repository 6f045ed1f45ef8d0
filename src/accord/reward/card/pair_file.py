"""A judge on the pairs of a file, by subset: RewardBench in and out (Lambert et al. 2024, arXiv 2403.13787).

Any format of feedback is read that holds comparisons of two texts. Written are the columns of RewardBench (`prompt`,
`chosen`, `rejected`, `chosen_model`, `rejected_model`, `subset`, `id`) and those of its results: `scores_chosen`,
`scores_rejected`, and `results`, which is 1 where the chosen scores higher, one half of equal scores, else 0.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accord.errors import RecordError
from accord.feedback import ImportSettings, open_feedback
from accord.feedback.store.atomic_write import atomic_file
from accord.interfaces import Judge
from accord.records import Comparison, Completion, Feedback, Prompt
from accord.reward.card.ordered import half_wins
from accord.stats import Estimate, rate

__all__ = ["ScoredPair", "by_subset", "score_pair_file", "write_scores"]


@dataclass(frozen=True)
class ScoredPair:
    """A pair of a file with a judge's scores. `number` is its place among the pairs, from 0."""

    number: int
    subset: str
    prompt: Prompt
    chosen: Completion
    rejected: Completion
    chosen_score: float
    rejected_score: float

    @property
    def result(self) -> float:
        """1 where the chosen scores higher, one half where both score alike."""
        return half_wins(self.chosen_score - self.rejected_score)

    def row(self) -> dict[str, object]:
        """As it is written."""
        return {
            "prompt": self.prompt.text,
            "chosen": self.chosen.text,
            "chosen_model": self.chosen.writer,
            "rejected": self.rejected.text,
            "rejected_model": self.rejected.writer,
            "subset": self.subset,
            "id": self.number,
            "scores_chosen": self.chosen_score,
            "scores_rejected": self.rejected_score,
            "results": self.result,
        }


def score_pair_file(judge: Judge, path: Path, *, format_name: str | None = None) -> list[ScoredPair]:
    """The pairs of a file that say which text is better, scored.

    Raises `RecordError` where there is none, or a row is malformed; `LedgerError` where no format fits the file.
    """
    prompts: dict[str, Prompt] = {}
    completions: dict[str, Completion] = {}
    sides: list[tuple[str, str, str]] = []
    for record in open_feedback(path, ImportSettings(format=format_name)).records():
        if isinstance(record, Prompt):
            prompts[record.id] = record
        elif isinstance(record, Completion):
            completions[record.id] = record
        elif isinstance(record, Feedback) and isinstance(record.judgement, Comparison):
            left, right = record.completions
            if record.judgement.preferred != "tie":
                chosen_first = record.judgement.preferred == "left"
                sides.append((record.prompt, *((left, right) if chosen_first else (right, left))))
    if not sides:
        raise RecordError(f"{path}: no pair that says which of two texts is better; take a file that holds such")
    names = list(dict.fromkeys(name for _, *pair in sides for name in pair))
    scores = judge.score([prompts[completions[name].prompt] for name in names], [completions[name] for name in names])
    value = dict(zip(names, scores.value_N.tolist(), strict=True))
    return [
        ScoredPair(
            number,
            _subset(prompts[prompt]),
            prompts[prompt],
            completions[chosen],
            completions[rejected],
            value[chosen],
            value[rejected],
        )
        for number, (prompt, chosen, rejected) in enumerate(sides)
    ]


def by_subset(pairs: Sequence[ScoredPair]) -> dict[str, Estimate]:
    """The accuracy on each subset in order of name, and on `all` pairs first, over prompts."""

    def share(some: Sequence[ScoredPair]) -> Estimate:
        return rate(np.array([pair.result for pair in some]), [pair.prompt.id for pair in some])

    subsets = sorted({pair.subset for pair in pairs})
    return {"all": share(pairs), **{name: share([pair for pair in pairs if pair.subset == name]) for name in subsets}}


def write_scores(pairs: Sequence[ScoredPair], path: Path) -> None:
    """JSON lines, a pair each; the file is there whole, or not at all."""
    with atomic_file(path) as unfinished:
        unfinished.write_text("".join(_lines(pairs)), encoding="utf-8")


def _lines(pairs: Sequence[ScoredPair]) -> Iterator[str]:
    return (json.dumps(pair.row(), ensure_ascii=False, allow_nan=False) + "\n" for pair in pairs)


def _subset(prompt: Prompt) -> str:
    source, _, subset = (prompt.source or "unnamed").partition("/")
    return subset or source
