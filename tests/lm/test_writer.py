"""A model as a writer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from accord.errors import ModelError
from accord.interfaces import Writer
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.lm.writer import ModelWriter
from accord.records import Prompt, Sampling

PROMPTS = [Prompt.ask("Say something."), Prompt.ask("And now?", system="You are brief.")]
SAMPLING = Sampling(max_tokens=8, seed=3)


def test_a_model_writes_what_is_sampled_from_it() -> None:
    causal = load("tiny")
    writer = ModelWriter(causal)
    assert isinstance(writer, Writer)
    made = writer.write(PROMPTS, 3, SAMPLING)
    wanted = generate(causal, [causal.encode_prompt(prompt) for prompt in PROMPTS], 3, SAMPLING)
    assert [[(each.token_ids, each.finish_reason) for each in group] for group in made] == [
        [(sample.token_ids, sample.finish_reason) for sample in group] for group in wanted
    ]
    for prompt, group in zip(PROMPTS, made, strict=True):
        assert {each.prompt for each in group} == {prompt.id}
        assert {each.writer for each in group} == {"tiny"}
        assert all(causal.decode(each.token_ids or ()).startswith(each.text) for each in group)
    assert made == ModelWriter(causal, batch=2).write(PROMPTS, 3, SAMPLING)
    assert writer.write([], 3, SAMPLING) == []


def test_a_prompt_that_leaves_no_room_is_named() -> None:
    with pytest.raises(ModelError, match=r"prompt 1: .* exceed the context"):
        ModelWriter(load("tiny")).write([PROMPTS[0], Prompt.ask("a" * 600)], 1, SAMPLING)


def test_several_threads_may_ask() -> None:
    writer = ModelWriter(load("tiny"))
    alone = writer.write(PROMPTS, 2, SAMPLING)
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda _: writer.write(PROMPTS, 2, SAMPLING), range(4)))
    assert together == [alone] * 4
