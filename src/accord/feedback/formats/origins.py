"""Where written rows come from: feedback and prompt by id, the split of a run, and what a row weighs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accord.records import Feedback

__all__ = ["ORIGIN_COLUMNS", "Origins"]

ORIGIN_COLUMNS = ("accord_feedback_ids", "accord_prompt_id", "accord_split", "accord_weight")
"""The columns that `Origins` adds to a row of what was said."""


@dataclass(frozen=True)
class Origins:
    """What a row says of its own origin, for tools that keep columns which they do not know.

    split     the split of the run that the rows are of; None for a ledger, which has none
    weights   what acts of judgement weigh in the run's own training, by id; 1 where none is named
    rests_on  the ids of the feedback that a written act rests on, where it is not its own (a pair of a run)
    """

    split: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    rests_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def columns(self, feedback: Feedback) -> dict[str, Any]:
        """The columns of a row that was written of an act of judgement; several ids are one text, a blank between them.

        A ledger knows no split and no weight.
        """
        columns: dict[str, Any] = {
            "accord_feedback_ids": " ".join(self.rests_on.get(feedback.id, (feedback.id,))),
            "accord_prompt_id": feedback.prompt,
        }
        if self.split is not None:
            columns |= {"accord_split": self.split, "accord_weight": self.weights.get(feedback.id, 1.0)}
        return columns

    def prompt_columns(self, prompt: str) -> dict[str, Any]:
        """The columns of a row that is a prompt alone, by its id."""
        return {"accord_prompt_id": prompt} | ({} if self.split is None else {"accord_split": self.split})
