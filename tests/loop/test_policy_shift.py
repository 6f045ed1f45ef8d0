"""Whether a reward is less sure of fresh texts than of those that were judged: by its own standard deviations."""

from collections.abc import Sequence

import numpy as np

from accord.interfaces import Scores
from accord.loop.policy_shift import _doubt
from accord.records import Completion, Message, Prompt


class Members:
    """Two members who differ by a tenth for each word of a text."""

    name = "members"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        word_N = np.array([float(len(text.text.split())) for text in completions])
        return Scores(word_N, std_N=word_N / 10)


class Sure:
    """A judge without doubt."""

    name = "sure"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        return Scores(np.zeros(len(completions)))


def texts(words: int, prompts: Sequence[Prompt]) -> list[Completion]:
    return [
        Completion(prompt=prompt.id, text=" ".join(["word"] * (words + index % 3)))
        for index, prompt in enumerate(prompts)
    ]


def test_the_doubt_of_fresh_texts_less_that_of_judged_ones() -> None:
    asked = [Prompt(messages=(Message(role="user", content=f"question {number}"),)) for number in range(12)]
    prompts = {prompt.id: prompt for prompt in asked}
    grown = _doubt(Members(), prompts, texts(8, asked), texts(3, asked))
    assert grown is not None
    assert np.isclose(grown.value, 0.5)
    assert grown.low is not None
    assert grown.low > 0
    same = _doubt(Members(), prompts, texts(3, asked), texts(3, asked))
    assert same is not None
    assert same.low is not None
    assert same.low < 0 < (same.high or 0)
    assert _doubt(Sure(), prompts, texts(8, asked), texts(3, asked)) is None
