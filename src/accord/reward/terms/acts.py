"""Acts of judgement as observations: who said it, and what it weighs."""

from collections.abc import Iterable, Sequence
from typing import Any

from accord.deferred import deferred
from accord.feedback import Dataset, is_known
from accord.records import Feedback
from accord.reward.observations import Observation

with deferred():
    import torch
    from torch import Tensor

__all__ = ["Evaluators", "observed", "padded"]


def observed(data: Dataset, split: str, record: Feedback, completions: Iterable[str], content: Any) -> Observation:
    """What a record says of some completions, by the weight of its evaluator in the split."""
    return Observation(
        prompt=record.prompt,
        completions=tuple(dict.fromkeys(completions)),
        content=content,
        evaluator=record.evaluator,
        session=record.session,
        weight=data.evaluator_weights.get(split, {}).get(record.evaluator, 1.0),
        feedback_ids=(record.id,),
    )


class Evaluators:
    """The places of E evaluators, and E for who stands for more than one person, or is nobody's of these."""

    def __init__(self, data: Dataset) -> None:
        names = (name for name, evaluator in data.evaluators.items() if is_known(evaluator))
        self._place = {name: place for place, name in enumerate(sorted(names))}

    def __len__(self) -> int:
        return len(self._place)

    def places(self, observations: Sequence[Observation], device: torch.device) -> Tensor:
        """The place of whoever made each observation, [O]."""
        places = [self._place.get(each.evaluator or "", len(self)) for each in observations]
        return torch.tensor(places, dtype=torch.long, device=device)


def padded(rows: Sequence[Sequence[int]], fill: int, device: torch.device) -> Tensor:
    """Rows of different lengths as one matrix, filled up behind."""
    width = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows], dtype=torch.long, device=device)
