"""Pairs among the texts of a step of the policy: two different ones of a prompt, each prompt once before any twice."""

from collections.abc import Sequence
from itertools import combinations

from accord.records import Completion
from accord.train.seeds import shuffled

__all__ = ["restated", "step_pairs"]


def step_pairs(completions: Sequence[Completion], number: int, *, seed: int) -> list[tuple[Completion, Completion]]:
    """At most `number` pairs in an order drawn by the seed; the same two texts stand in one of them at most."""
    by_prompt: dict[str, dict[str, Completion]] = {}
    for completion in completions:
        if completion.text.strip():
            by_prompt.setdefault(completion.prompt, {}).setdefault(completion.text, completion)
    prompts = [list(by_prompt.values())[place] for place in shuffled(len(by_prompt), seed, "prompts")]
    in_turn = [_drawn(list(texts.values()), seed, place) for place, texts in enumerate(prompts)]
    longest = max(map(len, in_turn), default=0)
    rounds = [pairs[turn] for turn in range(longest) for pairs in in_turn if turn < len(pairs)]
    return rounds[:number]


def _drawn(texts: Sequence[Completion], seed: int, place: int) -> list[tuple[Completion, Completion]]:
    """All pairs of a prompt's texts in a drawn order; a text is in as few as can be before it is in another."""
    order = [texts[i] for i in shuffled(len(texts), seed, "texts", place)]
    apart = list(zip(order[::2], order[1::2], strict=False))
    first = {(a.id, b.id) for a, b in apart}
    others = [pair for pair in combinations(order, 2) if (pair[0].id, pair[1].id) not in first]
    return [*apart, *(others[i] for i in shuffled(len(others), seed, "others", place))]


def restated(completion: Completion, writer: str) -> Completion:
    """The same text by another writer's name: the policy as it was at a step."""
    return Completion(
        prompt=completion.prompt,
        text=completion.text,
        token_ids=completion.token_ids,
        writer=writer,
        sampling=completion.sampling,
        finish_reason=completion.finish_reason,
    )
