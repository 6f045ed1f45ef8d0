"""How good a reward is for one of two contexts, learnt from that one or from both."""

from accord.lab.planted.gold import reward_accuracy
from accord.lab.planted.planting import Planting
from accord.records import Pair

__all__ = ["accuracy_in_mode", "accuracy_of_first_half"]


def accuracy_in_mode(planting: Planting, mode: str, *, apart: bool) -> float:
    """By the truth, of a reward that learns from all training pairs, or from those of one mode of prompts."""
    pairs = list(planting.data.pairs["train"])
    if apart:
        prompts = planting.data.prompts
        pairs = [pair for pair in pairs if prompts[pair.prompt].mode == mode]
    return reward_accuracy(planting, pairs=pairs)


def accuracy_of_first_half(planting: Planting, *, apart: bool) -> float:
    """By the truth, of a reward that learns from all training pairs, or from those of everybody's first answers."""
    pairs = list(planting.data.pairs["train"])
    if apart:
        places = {answer.id: answer.position_in_session or 0 for answer in planting.ledger.feedback()}

        def place(pair: Pair) -> int:
            return max(places[name] for name in pair.feedback_ids)

        by_person: dict[str | None, list[Pair]] = {}
        for pair in pairs:
            by_person.setdefault(pair.evaluator, []).append(pair)
        pairs = []
        for of_person in by_person.values():
            ordered = sorted(of_person, key=place)
            pairs += ordered[: len(ordered) // 2]
    return reward_accuracy(planting, pairs=pairs)
