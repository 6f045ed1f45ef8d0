"""Every kind of judgement of the letters' texts, by evaluators of whom it is known how they judge."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from accord.feedback import Dataset
from accord.feedback.dataset.examples import added_completions
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Ranking,
    Rating,
    Scale,
)
from small_data import letters_dataset, truth

__all__ = ["KINDS", "correlation", "judged_letters"]

STARS = Scale(low=1, high=5, step=1)
KINDS = ("comparison", "ranking", "rating", "label", "correction", "demonstration", "critique")


def judged_letters(*kinds: str, prompts: int = 12, texts: int = 8, evaluators: int = 3, seed: int = 0) -> Dataset:
    """The letters' prompts and texts without pairs, judged in these ways (all where none is named) by the truth."""
    data = letters_dataset(prompts=prompts, texts=texts, seed=seed)
    people = [Evaluator(kind="simulated", pseudonym=f"judge-{i}") for i in range(evaluators)]
    draw = random.Random(seed)
    feedback: dict[str, list[Feedback]] = {name: [] for name in data.pairs}
    for prompt in data.prompts:
        own = [each for each in data.completions.values() if each.prompt == prompt]
        for kind in kinds or KINDS:
            for about, judgement in _ACTS[kind](own, draw):
                feedback[data.split_of[prompt]].append(
                    Feedback(
                        evaluator=draw.choice(people).id,
                        prompt=prompt,
                        completions=tuple(each.id for each in about),
                        judgement=judgement,
                    )
                )
    everything = [record for side in feedback.values() for record in side]
    return replace(
        data,
        pairs=dict.fromkeys(data.pairs, ()),
        examples=(),
        evaluators={each.id: each for each in people},
        feedback={name: tuple({record.id: record for record in side}.values()) for name, side in feedback.items()},
        completions=data.completions | added_completions(everything),
    )


Acts = list[tuple[list[Completion], Judgement]]


def _comparisons(own: list[Completion], draw: random.Random) -> Acts:
    acts: Acts = []
    for left, right in pairwise(own):
        gap = truth(left.text) - truth(right.text)
        preferred = "tie" if abs(gap) < 0.1 else "left" if gap > 0 else "right"
        strength = None if preferred == "tie" else round(min(1.0, abs(gap) * 1.5) * 3) / 3
        acts.append(([left, right], Comparison(preferred=preferred, strength=strength)))  # type: ignore[arg-type]
    return acts


def _rankings(own: list[Completion], draw: random.Random) -> Acts:
    acts: Acts = []
    for some in (own[:4], own[4:8]):
        order = sorted(range(len(some)), key=lambda i: -truth(some[i].text))
        tiers = tuple(tuple(tier) for _, tier in groupby(order, key=lambda i: round(truth(some[i].text), 3)))
        acts.append((some, Ranking(tiers=tiers)))
    return acts


def _ratings(own: list[Completion], draw: random.Random) -> Acts:
    return [([each], Rating(value=1 + round(4 * truth(each.text)), scale=STARS)) for each in own]


def _labels(own: list[Completion], draw: random.Random) -> Acts:
    options = ("good", "bad")
    return [
        ([each], Label(selected=("good",) if truth(each.text) > 0.5 else ("bad",), options=options)) for each in own
    ]


def _corrections(own: list[Completion], draw: random.Random) -> Acts:
    return [([each], Correction(text=each.text.replace("b", "a"))) for each in own]


def _demonstrations(own: list[Completion], draw: random.Random) -> Acts:
    return [([], Demonstration(text="a" * draw.randint(3, 7))) for _ in range(3)]


def _critiques(own: list[Completion], draw: random.Random) -> Acts:
    return [([each], Critique(text="This is good." if truth(each.text) > 0.5 else "It is wrong.")) for each in own]


_ACTS: dict[str, Callable[[list[Completion], random.Random], Acts]] = {
    "comparison": _comparisons,
    "ranking": _rankings,
    "rating": _ratings,
    "label": _labels,
    "correction": _corrections,
    "demonstration": _demonstrations,
    "critique": _critiques,
}


def correlation(data: Dataset, split: str, score: Callable[[Sequence[Completion]], Sequence[float]]) -> float:
    """Pearson's correlation of scores with the truth over the letters' texts of a split."""
    import numpy as np

    texts = [each for each in data.completions.values() if data.split_of[each.prompt] == split]
    return float(np.corrcoef(score(texts), [truth(each.text) for each in texts])[0, 1])
