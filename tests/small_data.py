"""A small data set whose true preference is known: the text with more of the letter `a` is better."""

import random

from accord.feedback import Dataset
from accord.interfaces import Scores
from accord.records import Completion, Evaluator, Example, Pair, Prompt

__all__ = ["LetterJudge", "letters_dataset", "truth"]


def truth(text: str) -> float:
    """The share of the letter a."""
    return text.count("a") / max(1, len(text))


class LetterJudge:
    """A judge that knows the truth."""

    name = "letters"

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        import numpy as np

        return Scores(np.array([truth(each.text) for each in completions]))


def letters_dataset(*, prompts: int = 9, texts: int = 8, seed: int = 0) -> Dataset:
    """Every prompt with some texts, all pairs of them judged by the truth; equal ones are ties."""
    draw = random.Random(seed)
    splits = ["train", "eval_reward", "held_out"]
    asked = [Prompt.ask(f"Write text {i}") for i in range(prompts)]
    split_of = {prompt.id: splits[i % 3] for i, prompt in enumerate(asked)}
    evaluators = {prompt.id: Evaluator(kind="rule", pseudonym=f"letters-{i}") for i, prompt in enumerate(asked)}
    completions: dict[str, Completion] = {}
    pairs: dict[str, list[Pair]] = {name: [] for name in splits}
    for prompt in asked:
        made = {}
        while len(made) < texts:
            letters = draw.choices("ab", weights=[draw.random() + 0.1, 0.5], k=draw.randint(3, 7))
            completion = Completion(prompt=prompt.id, text="".join(letters))
            made[completion.id] = completion
        completions |= made
        names = list(made)
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                gap = truth(made[one].text) - truth(made[other].text)
                chosen, rejected = (one, other) if gap >= 0 else (other, one)
                who = evaluators[prompt.id].id
                pair = Pair(prompt=prompt.id, chosen=chosen, rejected=rejected, tie=gap == 0, evaluator=who)
                pairs[split_of[prompt.id]].append(pair)
    train = sorted(name for name, each in completions.items() if split_of[each.prompt] == "train")
    return Dataset(
        prompts={prompt.id: prompt for prompt in asked},
        completions=completions,
        evaluators={each.id: each for each in evaluators.values()},
        split_of=split_of,
        pairs={name: tuple(some) for name, some in pairs.items()},
        examples=tuple(Example(prompt=completions[i].prompt, completion=i, source="compared") for i in train),
    )
