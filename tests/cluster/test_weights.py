"""Weights on their way to samplers: what arrives is what was sent, value head and all."""

import pytest
import torch
from torch import nn

from accord.cluster.weights import read_block, weights_block
from accord.errors import ModelError
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.policy.samples_ahead import named_weights
from accord.records import Sampling

SAMPLING = Sampling(max_tokens=6, seed=3)
PROMPTS = [(1, 2, 3), (9,)]


def test_a_sampler_writes_and_values_what_the_policy_would() -> None:
    policy, sampler = load("tiny", seed=1, dtype="float32"), load("tiny", seed=2, dtype="float32")
    head = nn.Linear(policy.width, 1)
    policy.model.requires_grad_(True)
    read = read_block(sampler.model, weights_block(named_weights(policy.model, head)))
    assert generate(sampler, PROMPTS, 3, SAMPLING, head=read) == generate(policy, PROMPTS, 3, SAMPLING, head=head)


def test_no_head_comes_where_none_was_sent() -> None:
    policy = load("tiny", seed=1)
    policy.model.requires_grad_(True)
    assert read_block(load("tiny").model, weights_block(named_weights(policy.model))) is None


@pytest.mark.parametrize(("name", "shape"), [("no.such.weight", (2, 2)), ("model.norm.weight", (5,))])
def test_weights_of_another_model_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=rf"{name} is \({shape[0]},.*and its model has"):
        read_block(load("tiny").model, weights_block({name: torch.ones(shape)}))
