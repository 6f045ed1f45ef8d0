"""Answers in plain sentences whose worth is known: four facts in order, told once and not denied."""

import random
import re
from itertools import pairwise

import numpy as np

from accord.feedback import Dataset
from accord.interfaces import Scores
from accord.records import Completion, Evaluator, Pair, Prompt

__all__ = ["ByLength", "ByWorth", "answers_dataset", "worth"]

FACTS = ["copper", "bridge", "winter", "harbour"]
PLACES = [f"town{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(120)]


def sentences_of(place: str) -> list[str]:
    """A good answer, sentence by sentence; every place has words of its own."""
    return [f"In {place} the {fact} is near {place} and many people use it." for fact in FACTS]


def worth(prompt: Prompt, text: str) -> float:
    """How many of the facts stand in the right order, each about this place; told twice or denied they count against.

    Marks, other sentences and letters that changed places make no difference.
    """
    place = "".join(sorted(prompt.text.split()[-1].strip("?")))
    words = ["".join(sorted(word)) for word in re.findall(r"\w+", text.lower())]
    facts = ["".join(sorted(fact)) for fact in FACTS]
    if not words or place not in words:
        return -1.0
    order = [facts.index(word) for word in words if word in facts]
    rising = sum(later > earlier for earlier, later in pairwise(order))
    denied = sum(word in {"not", "no", "cannot"} for word in text.lower().split())
    repeated = len(order) - len(set(order))
    return float(bool(order)) + rising - 2.0 * denied - 2.0 * repeated


class ByWorth:
    """A judge that knows."""

    name = "worth"

    def score(self, prompts: list[Prompt], completions: list[Completion]) -> Scores:
        return Scores(np.array([worth(p, c.text) for p, c in zip(prompts, completions, strict=True)]), scale=2.0)


class ByLength:
    """A judge that loves length, and is right about which is better wherever the better one is longer."""

    name = "length"

    def score(self, prompts: list[Prompt], completions: list[Completion]) -> Scores:
        return Scores(np.array([float(len(each.text)) for each in completions]), scale=0.05)


def answers_dataset(*, prompts: int = 60, seed: int = 0) -> Dataset:
    """For each prompt the whole answer and three worse ones; pairs by the worth, by people of two groups in turn."""
    draw = random.Random(seed)
    people = [
        Evaluator(kind="person", pseudonym=f"e{i}", pool="crowd", attributes={"group": "ab"[i % 2]}) for i in range(9)
    ]
    asked = [
        Prompt.ask(f"What is there to see in {PLACES[i]}?", source=f"set/{'near' if i % 2 else 'far'}")
        for i in range(prompts)
    ]
    completions: dict[str, Completion] = {}
    pairs: dict[str, list[Pair]] = {"train": [], "eval_reward": [], "held_out": []}
    split_of = {prompt.id: ["train", "eval_reward", "held_out"][i % 3] for i, prompt in enumerate(asked)}
    for i, prompt in enumerate(asked):
        whole = sentences_of(PLACES[i])
        texts = [" ".join(whole), " ".join(whole[:2]), " ".join(whole[:3]), f"In {PLACES[i]} there is nothing."]
        made = [Completion(prompt=prompt.id, text=text, writer=f"w{j % 2}") for j, text in enumerate(texts)]
        completions |= {each.id: each for each in made}
        for one, other in [(0, 1), (0, 2), (0, 3), (2, 1), (2, 3)]:
            who = draw.choice(people).id
            pairs[split_of[prompt.id]].append(
                Pair(prompt=prompt.id, chosen=made[one].id, rejected=made[other].id, evaluator=who)
            )
    return Dataset(
        prompts={prompt.id: prompt for prompt in asked},
        completions=completions,
        evaluators={each.id: each for each in people},
        split_of=split_of,
        pairs={name: tuple(each) for name, each in pairs.items()},
    )
