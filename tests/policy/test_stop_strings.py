"""Stop strings of a recipe end samples: for the penalty, the stop rate, the judge and whoever learns from them."""

import numpy as np
import torch

from accord.interfaces import Scores
from accord.lm.loading import load
from accord.policy import GRPO
from accord.policy.materials import SupervisedExample
from accord.policy.rollout import generate_rollouts
from accord.policy.supervised import tokenize
from accord.recipe import parse
from accord.records import Completion, Prompt, Sampling

PROMPTS = [Prompt.ask("Say a"), Prompt.ask("Say b")]


class Length:
    """A judge that remembers what it read."""

    name = "length"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        self.texts += [each.text for each in completions]
        return Scores(np.array([float(len(each.text)) for each in completions]))


def test_a_stop_string_ends_a_sample_for_all_who_ask() -> None:
    causal, judge = load("tiny"), Length()
    free = generate_rollouts(causal, None, Length(), PROMPTS, 16, Sampling(max_tokens=12, seed=5))
    stop = next(text[3] for each in free.completions if (text := each.text)[3:4].isascii() and text[3:4].strip())
    sampling = Sampling(max_tokens=12, seed=5, stop=(stop,))
    rollout = generate_rollouts(causal, None, judge, PROMPTS, 16, sampling)
    reasons = [sample.finish_reason for sample in rollout.samples]
    assert {"stop", "length"} <= set(reasons)
    assert torch.equal(rollout.stopped_B, torch.tensor([reason != "length" for reason in reasons]))
    assert not any(stop in text for text in judge.texts)
    for before, after, reason in zip(free.completions, rollout.completions, reasons, strict=True):
        assert after.text == (before.text.partition(stop)[0] if reason == "stop" else before.text)
    examples = [SupervisedExample(PROMPTS[index // 16], each) for index, each in enumerate(rollout.completions)]
    for answer, sample in zip(tokenize(causal, examples), rollout.samples, strict=True):
        assert answer.completion == sample.token_ids[: len(answer.completion)]


def test_a_recipe_names_stop_strings() -> None:
    text = """
[policy]
kind = "grpo"
base = "tiny"
sampling = { max_tokens = 8, stop = ["\\n\\n", "User:"] }
[reward]
base = "tiny"
"""
    policy = parse(text).policy
    assert isinstance(policy, GRPO)
    assert policy.sampling.stop == ("\n\n", "User:")
