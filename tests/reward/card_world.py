"""Feedback of every kind on texts whose true worth is known: the share of the letter `a` (`small_data.truth`)."""

from dataclasses import replace

from accord.feedback import Dataset
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
    Span,
    Spans,
    Steps,
)
from small_data import letters_dataset, truth

__all__ = ["EVALUATORS", "feedback_world", "without_pairs"]

EVALUATORS = [Evaluator(kind="person", pseudonym=f"p{i}", pool="ab"[i % 2]) for i in range(6)]
SCALE = Scale(low=0.0, high=1.0)


def feedback_world(*, prompts: int = 24, seed: int = 0) -> Dataset:
    """The letters, with an act of each kind for every prompt, by six people in turn; all of it is true."""
    data = letters_dataset(prompts=prompts, seed=seed)
    feedback: dict[str, list[Feedback]] = {name: [] for name in data.pairs}
    for place, prompt in enumerate(data.prompts):
        texts = [each for each in data.completions.values() if each.prompt == prompt]
        who = EVALUATORS[place % 6].id
        feedback[data.split_of[prompt]] += _acts(prompt, texts, who)
    return replace(
        data,
        feedback={name: tuple(acts) for name, acts in feedback.items()},
        evaluators=data.evaluators | {each.id: each for each in EVALUATORS},
    )


def without_pairs(data: Dataset) -> Dataset:
    """The same, no pair drawn."""
    return replace(data, pairs=dict.fromkeys(data.pairs, ()))


def _acts(prompt: str, texts: list[Completion], who: str) -> list[Feedback]:
    def act(judgement: Judgement, *about: Completion) -> Feedback:
        return Feedback(evaluator=who, prompt=prompt, completions=tuple(each.id for each in about), judgement=judgement)

    one, other = texts[:2]
    gap = truth(one.text) - truth(other.text)
    order = sorted(range(len(texts)), key=lambda place: -truth(texts[place].text))
    tiers: dict[float, list[int]] = {}
    for place in order:
        tiers.setdefault(truth(texts[place].text), []).append(place)
    acts = [
        act(Comparison(preferred="tie" if gap == 0 else "left" if gap > 0 else "right"), one, other),
        act(Ranking(tiers=tuple(map(tuple, tiers.values()))), *texts),
        act(Correction(text="aaaa"), texts[order[-1]]),
        act(Critique(text="More of the letter a."), one),
        act(Demonstration(text="aaaaa")),
    ]
    for text in texts:
        good = truth(text.text) > 0.5
        first = text.text.find("b")
        acts += [
            act(Rating(value=truth(text.text), scale=SCALE), text),
            act(Label(selected=("good",) if good else (), options=("good", "other")), text),
            act(Spans(spans=() if first < 0 else (Span(start=first, end=first + 1, type="b"),)), text),
            act(Steps(verdicts=("right" if good else "wrong",)), text),
        ]
    return acts
