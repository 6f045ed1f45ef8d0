"""The world of essays: what an essay is worth is the sum of parts that stand where they belong."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.lab.essay import ATTRIBUTES, NOUNS, OPENERS, PARTS, EssayJudge, EssayWorld
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory

WORLD = EssayWorld(3)
YOUNG, OLD = Prompt.ask("bread for the young"), Prompt.ask("bread for the old")


def stated(noun: str, *, truly: bool, number: int = 0, opener: str = "") -> str:
    holds = [attribute for attribute in ATTRIBUTES if (attribute in WORLD.true_of[noun]) == truly]
    return f"{opener} the {noun} is {holds[number]} .".strip()


def parts_of(prompt: Prompt, *clauses: str) -> dict[str, float]:
    totals = dict.fromkeys(PARTS, 0.0)
    for _, part, value in WORLD.parts(prompt, " ".join(clauses)):
        totals[part] += value
    return totals


def test_true_statements_about_the_topic_count_once_and_up_to_four() -> None:
    clause = stated("oven", truly=True)
    assert parts_of(YOUNG, clause)["quality"] == 0.5
    assert parts_of(YOUNG, clause, clause)["quality"] == 0.5
    six = [stated(noun, truly=True, number=n) for noun in ("oven", "flour") for n in range(3)]
    assert parts_of(YOUNG, *six)["quality"] == 2.0
    assert parts_of(YOUNG, *six)["length"] == pytest.approx(-0.8)


def test_what_is_false_or_beside_the_topic_costs() -> None:
    parts = parts_of(YOUNG, stated("oven", truly=False), stated("wave", truly=True), "bread bread .")
    assert parts["error"] == -0.5
    assert parts["topic"] == pytest.approx(-0.6)
    assert parts["quality"] == 0.0


def test_readers_differ_in_style_alone() -> None:
    verily = stated("oven", truly=True, opener="verily")
    assert parts_of(OLD, verily)["style"] == 0.25
    assert parts_of(YOUNG, verily)["style"] == -0.25
    scores = EssayJudge(WORLD).score([YOUNG], [Completion(prompt=YOUNG.id, text=verily)])
    assert scores.components["old"].value_N - scores.components["young"].value_N == pytest.approx(0.5)
    assert scores.components["young"].value_N == pytest.approx(scores.value_N)


def test_an_evaluator_who_does_not_look_it_up_sees_no_error() -> None:
    essays = [Completion(prompt=YOUNG.id, text=stated("oven", truly=truly)) for truly in (True, False)]
    careless = EssayJudge(WORLD, sees_errors=False).score([YOUNG] * 2, essays)
    careful = EssayJudge(WORLD).score([YOUNG] * 2, essays)
    assert careless.components["error"].value_N.tolist() == [0.0, 0.0]
    assert careful.components["error"].value_N.tolist() == [0.0, -0.5]


CLAUSE = st.builds(
    lambda opener, noun, attribute: f"{opener} the {noun} is {attribute} .".strip(),
    st.sampled_from(["", *OPENERS["young"], *OPENERS["old"], "bread"]),
    st.sampled_from(NOUNS),
    st.sampled_from(ATTRIBUTES),
)


@given(st.lists(CLAUSE, max_size=7), st.sampled_from([YOUNG, OLD]), st.floats(0.5, 3))
def test_the_whole_is_the_sum_of_parts_and_places_stand_in_order(
    clauses: list[str], prompt: Prompt, scale: float
) -> None:
    text = " ".join(clauses)
    ends = [end for end, _, _ in WORLD.parts(prompt, text)]
    assert ends == sorted(ends)
    assert all(0 <= end <= len(text) for end in ends)
    scores = EssayJudge(WORLD, scale=scale).score([prompt], [Completion(prompt=prompt.id, text=text)])
    assert math.isclose(scores.value_N[0], sum(scores.components[part].value_N[0] for part in PARTS), abs_tol=1e-9)
    assert math.isclose(scores.value_N[0] * scale, WORLD.worth(prompt, text), abs_tol=1e-9)


def test_a_prompt_of_another_world_is_refused() -> None:
    with pytest.raises(ValueError, match="'Hello' is no prompt of this world"):
        WORLD.worth(Prompt.ask("Hello"), "")


def test_the_start_writes_essays_that_are_neither_good_nor_broken(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run", seed=3) as run:
        causal = load(WORLD.start(run, texts=4000, epochs=2))
        assert WORLD.start(run) == run.path / "sft/model"  # made once
    prompts = WORLD.prompts
    groups = generate(causal, [causal.encode_prompt(prompt) for prompt in prompts], 16, Sampling(max_tokens=48, seed=1))
    texts = [causal.decode(sample.token_ids) for group in groups for sample in group]
    read = [WORLD.parts(prompt, text) for prompt, text in zip(np.repeat(prompts, 16), texts, strict=True)]  # type: ignore[call-overload]  # of objects
    worth = [sum(value for _, _, value in parts) for parts in read]
    assert -3.5 < np.mean(worth) < -1.0
    assert np.std(worth) > 0.8
    assert np.mean([sample.finish_reason == "eos" for group in groups for sample in group]) > 0.8
