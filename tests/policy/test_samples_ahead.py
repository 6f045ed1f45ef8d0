"""Samples that are asked for before the weights have moved: by which weights they are written, and resuming."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accord.errors import RecipeError
from accord.lab import TableTrainer
from accord.lab.enumerated import draw_world
from accord.lm.adapters import LoRA
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.policy import PPO, RLOO
from accord.policy.materials import Materials
from accord.policy.samples_ahead import SamplesAhead, Written
from accord.policy.settings import PolicySettings
from accord.recipe import parse
from accord.records import Sample, Sampling
from accord.run import RunDirectory
from accord.train import Optim, seed_of, stage_seed
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset()
PROMPTS = DATA.prompts_of("train")
ONLINE: dict[str, Any] = {
    "dtype": "float32",
    "base": "tiny",
    "max_steps": 6,
    "prompts_per_step": 2,
    "group_size": 4,
    "sampling": Sampling(max_tokens=8),
    "save_every": 2,
    "optim": Optim(lr=1e-2, warmup_steps=0, lr_schedule="constant"),
}
STALE: dict[str, Callable[[], PolicySettings]] = {
    "rloo": lambda: RLOO(**ONLINE, staleness=2),
    "ppo": lambda: PPO(**{**ONLINE, "minibatches": 2}, staleness=1, lora=LoRA(rank=2)),
}


@given(ahead=st.integers(0, 4), total=st.integers(1, 9), stops=st.lists(st.integers(1, 8), max_size=3))
def test_each_step_has_samples_of_the_weights_so_many_steps_before(ahead: int, total: int, stops: list[int]) -> None:
    """However often what has been asked for is kept, as JSON, and taken up again; each step is asked for once."""
    sample = Sample(token_ids=(3,), logprobs=(-0.1234567890123456,), finish_reason="eos")
    begun: list[tuple[int, int]] = []

    def begin(step: int, weights_step: int) -> Written:
        begun.append((step, weights_step))
        return Written([[sample]], weights_step)

    state: dict[str, Any] = {}
    samples = SamplesAhead(begin, ahead=ahead, total=total, state=state)
    for step in range(1, total + 1):
        assert samples.take(step) == Written([[sample]], max(0, step - 1 - ahead))
        if step in stops:
            samples.keep(step)
            state = json.loads(json.dumps(state))
            samples = SamplesAhead(begin, ahead=ahead, total=total, state=state)
    assert [step for step, _ in begun] == list(range(1, total + 1))
    samples.keep(total)
    assert state == {}


def rows(run: RunDirectory, file: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in run.read_jsonl(f"policy/{file}")]


@pytest.mark.parametrize("kind", ["rloo", pytest.param("ppo", marks=pytest.mark.slow)])
def test_a_stale_stage_goes_on_to_the_same_numbers(kind: str, tmp_path: Path) -> None:
    """From a checkpoint between, and one that was made when it broke off."""
    settings = STALE[kind]()
    ahead = settings.staleness  # type: ignore[attr-defined]
    whole = RunDirectory.create(tmp_path / "whole")
    materials = Materials(prompts=PROMPTS, judge=LetterJudge())
    list(settings.steps(materials, whole))
    broken = RunDirectory.create(tmp_path / "broken")
    for until in (3, 5):
        for step in settings.steps(materials, broken):
            if step.step == until:
                break
    list(settings.steps(materials, broken))
    for file in ("metrics.jsonl", "samples.jsonl"):
        assert rows(broken, file) == rows(whole, file)
    assert [row["samples_lag"] for row in rows(whole, "metrics.jsonl")] == [min(ahead, step) for step in range(6)]
    written = {row["step"]: row["weights_step"] for row in rows(whole, "samples.jsonl")}
    assert written == {step: max(0, step - 1 - ahead) for step in range(1, 7)}
    differ = [row["sampler_logprob_diff"] for row in rows(whole, "metrics.jsonl")]
    assert differ[0] < 1e-5 < min(differ[1:])
    assert all(abs(row["importance_ratio"] - 1) < 0.5 for row in rows(whole, "metrics.jsonl"))


def test_stale_samples_are_those_of_the_start(tmp_path: Path) -> None:
    """Those of the steps up to the second are what the policy writes before its first step."""
    run = RunDirectory.create(tmp_path / "run", seed=5)
    list(RLOO(**{**ONLINE, "max_steps": 2}, staleness=1).steps(Materials(prompts=PROMPTS, judge=LetterJudge()), run))
    causal, seed = load("tiny", dtype="float32", seed=stage_seed(run, "policy")), stage_seed(run, "policy")
    for step in (1, 2):
        of_step = [row for row in rows(run, "samples.jsonl") if row["step"] == step]
        names = list(dict.fromkeys(row["prompt"] for row in of_step))
        ids = [causal.encode_prompt(DATA.prompts[name]) for name in names]
        sampling = Sampling(max_tokens=8, seed=seed_of(seed, "sample", step))
        written = [list(each.token_ids) for group in generate(causal, ids, 4, sampling) for each in group]
        assert [row["token_ids"] for row in of_step] == written


RECIPE = '[reward]\nkind = "length"\ntarget = 9\n[policy]\nkind = "rloo"\nbase = "tiny"\nstaleness = 1\n'


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[checkpoints]\nbest_by = "reward"\n', "best_by compares steps by what each writes itself"),
        (
            '[synchronous]\nevery = 2\nbudget = 4\nstudy = "s.toml"\nevaluators = [{ by = "length", labels = 1 }]\n',
            "synchronous",
        ),
        (
            'sampler = { url = "http://localhost:1" }\n[engine]\nkind = "ray"\nsamplers = 1\n',
            "policy.sampler has a server write the samples: set engine.samplers = 0",
        ),
    ],
)
def test_what_needs_the_newest_texts_is_refused(more: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse(RECIPE + more)


def test_staleness_is_of_algorithms_that_weigh_their_samples() -> None:
    assert RLOO(staleness=2).weighs == "token"
    assert RLOO(staleness=2, importance_weights="none").weighs == "none"
    assert "staleness" not in RLOO().model_dump()
    with pytest.raises(ValidationError):
        RLOO(staleness=-1)
    with pytest.raises(RecipeError, match=r"policy\.staleness: no such field"):
        parse(RECIPE.replace("rloo", "rrhf"))
    world = draw_world(0)
    with pytest.raises(ValueError, match="leave staleness out"):
        TableTrainer(RLOO(staleness=1, prompts_per_step=len(world.ref_PMA)), world, seed=0)
