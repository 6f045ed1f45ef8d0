"""Everybody has the same budget, and what the start wrote is handed on as it is."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from accord.lab.contenders import METHODS, Budget, Written, chosen_of, contend, settings_of, written
from accord.lab.essay import EssayJudge, EssayWorld
from accord.policy import SFT, BestOfN, Conditional, Curated, Online, Pairwise, best_of_kl
from accord.policy.materials import SupervisedExample
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory

BUDGET = Budget(3, 4, 8, Sampling(max_tokens=8), {"dtype": "float32"})


@pytest.mark.parametrize("method", METHODS)
def test_everybody_learns_from_as_many_texts(method: str) -> None:
    settings = settings_of(method, BUDGET, lr=1e-3, strength=0.5)
    match settings:
        case Online():
            learnt = settings.max_steps * settings.prompts_per_step * settings.group_size
        case Pairwise() | Conditional():
            learnt = BUDGET.texts * settings.epochs  # a pair has two
        case Curated():
            learnt = settings.k * settings.epochs
        case BestOfN():
            learnt = BUDGET.texts / settings.n * settings.epochs
        case _:
            raise AssertionError(method)
    assert learnt == BUDGET.texts == 96
    assert settings.kind == method
    assert not settings.anchor or getattr(settings, settings.anchor) == 0.5


def test_an_unknown_method_is_an_error() -> None:
    with pytest.raises(ValueError, match="no method 'luck'; there are ppo,"):
        settings_of("luck", BUDGET, lr=1e-3, strength=0.0)


def test_texts_are_paired_two_by_two_the_better_one_chosen() -> None:
    prompt = Prompt.ask("Say something.")
    texts = [Completion(prompt=prompt.id, text=text) for text in ("a", "b", "c", "d", "e", "f", "g", "g")]
    score_N = np.array([1.0, 2.0, 3.0, 0.5, 4.0, 4.0, 5.0, 5.0])
    data = Written([SupervisedExample(prompt, text) for text in texts], score_N, 1.5).pairs()
    rows = [
        (data.completions[pair.chosen].text, data.completions[pair.rejected].text, pair.tie)
        for pair in data.pairs["train"]
    ]
    assert rows == [("b", "a", False), ("c", "d", False), ("e", "f", True)]  # the last two are the same text
    assert set(data.prompts) == {prompt.id}


def test_the_start_writes_as_much_for_every_prompt_and_what_does_not_end_counts_less(tmp_path: Path) -> None:
    world = EssayWorld(0)
    world.untrained(seed=0).save(tmp_path / "start")
    judge = EssayJudge(world)
    texts_written = written(BUDGET, world.prompts, judge, tmp_path / "start", seed=3)
    counts = Counter(example.prompt.id for example in texts_written.examples)
    assert set(counts.values()) == {96 // (2 * len(world.prompts)) * 2}
    prompts = [example.prompt for example in texts_written.examples]
    texts = [example.completion for example in texts_written.examples]
    taken_off_N = judge.score(prompts, texts).value_N - texts_written.score_N
    assert {round(points, 9) for points in taken_off_N.tolist()} == {0.0, 1.0}  # untrained, some run into the limit
    assert texts_written.seconds > 0


def test_a_choice_among_the_starts_texts_is_the_best_of_them() -> None:
    """With as many texts as are chosen among it is the best by score; of one, their mean."""
    prompts = [Prompt.ask(name) for name in ("one", "one", "two", "two")]
    pool: Any = SimpleNamespace(prompts=prompts, score_B=torch.tensor([1.0, 3.0, 10.0, 20.0]))
    score_B = np.array([5.0, 4.0, 0.0, 1.0])
    best = chosen_of(pool, score_B, 2, beta=0.5)
    assert best["reward"] == pytest.approx((1 + 20) / 2)
    assert best["objective"] == pytest.approx(best["reward"] - 0.5 * best_of_kl(2), abs=1e-5)
    assert chosen_of(pool, score_B, 1, beta=0.5)["reward"] == pytest.approx(8.5)


def test_texts_that_somebody_has_are_not_written_again_and_their_seconds_count(tmp_path: Path) -> None:
    world = EssayWorld(0)
    world.untrained(seed=0).save(tmp_path / "start")
    judge, start = EssayJudge(world), tmp_path / "start"
    with RunDirectory.create(tmp_path / "one", seed=5) as run:
        texts = written(BUDGET, world.prompts, judge, start, seed=run.seed)
        slow_texts = Written(texts.examples, texts.score_N, 1000.0)
        settings = settings_of("dpo", BUDGET, lr=1e-3, strength=0.1)
        seconds, _ = contend(settings, BUDGET, world.prompts, judge, run, start, texts=slow_texts)
    assert seconds > 1000
    with RunDirectory.create(tmp_path / "two", seed=5) as run:
        seconds, _ = contend(settings, BUDGET, world.prompts, judge, run, start)
        assert seconds < 1000
    losses = []
    for name in ("one", "two"):
        with RunDirectory.open(tmp_path / name, write=False) as run:
            losses.append([row["loss"] for row in run.read_jsonl("policy/metrics.jsonl")])
    assert losses[0] == losses[1]


def test_who_is_no_contender_is_an_error(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(TypeError, match="SFT is not among"):
        contend(SFT(base="tiny"), BUDGET, [Prompt.ask("a")], EssayJudge(EssayWorld(0)), run, "tiny")
