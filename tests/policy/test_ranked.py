"""Learning from ranked samples: losses written out, gradients of whole groups, trainers on a real small model."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from accord.errors import RecipeError
from accord.lm.loading import load
from accord.policy import PRO, RRHF, BestOfN, best_of, soft_best_of
from accord.policy.materials import Materials
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train import BatchLimits, Optim
from small_data import LetterJudge, letters_dataset, truth

DATA = letters_dataset()
PROMPTS = DATA.prompts_of("train")
COMMON: dict[str, Any] = {
    "dtype": "float32",
    "max_steps": 10,
    "prompts_per_step": 3,
    "group_size": 6,
    "sampling": Sampling(max_tokens=10),
    "missing_eos_penalty": 0.2,
    "save_every": 4,
    "optim": Optim(lr=1e-3, warmup_steps=1, lr_schedule="constant"),
}
SETTINGS: dict[str, Any] = {
    "rrhf": RRHF(**COMMON),
    "pro": PRO(**COMMON),
    "pro, gaps": PRO(**COMMON, gaps=True),
    "rrhf, own": RRHF(**COMMON, source="policy"),
}

# Three samples of one prompt: -4 in 2 tokens, -3 in 3, -8 in 4; so -2, -1, -2 a token. The second scores least.
TOTAL, LENGTH, SCORE = ([[-4.0, -3.0, -8.0]], [[2.0, 3.0, 4.0]], [[3.0, 1.0, 2.0]])


def loss(settings: Any) -> float:
    at = [torch.tensor(each, dtype=torch.float64) for each in (TOTAL, LENGTH, SCORE)]
    (found,) = settings.loss(*at).tolist()
    return float(found)


def test_rrhf_written_out() -> None:
    """The least liked is one nat a token likelier than both others; the best has -4 in all."""
    assert loss(RRHF()) == pytest.approx(1 + 1 + 4)
    assert loss(RRHF(sft_coef=0)) == pytest.approx(2)


def test_pro_written_out() -> None:
    """The best against both others, the second best against the least, the least against nobody."""
    first = -math.log(math.exp(-2) / (math.exp(-2) + math.exp(-2) + math.exp(-1)))
    second = -math.log(math.exp(-2) / (math.exp(-2) + math.exp(-1)))
    assert loss(PRO(sft_coef=0)) == pytest.approx(first + second)
    assert loss(PRO()) == pytest.approx(first + second + 2)


def test_pro_by_gaps_written_out() -> None:
    """Inverse temperatures: 3 - 1 = 2 and 3 - 2 = 1 for the others of the first, the least of them for itself."""
    first = -math.log(math.exp(-2 * 1) / (math.exp(-2 * 1) + math.exp(-2 * 1) + math.exp(-1 * 2)))
    second = -math.log(math.exp(-2) / (math.exp(-2) + math.exp(-1)))
    assert loss(PRO(sft_coef=0, gaps=True)) == pytest.approx(first + second)


@pytest.mark.parametrize("settings", [RRHF(sft_coef=0), PRO(sft_coef=0), PRO(sft_coef=0, gaps=True)])
def test_equal_scores_teach_nothing(settings: Any) -> None:
    total = torch.tensor(TOTAL, requires_grad=True)
    settings.loss(total, torch.tensor(LENGTH), torch.ones(1, 3)).sum().backward()
    assert total.grad is not None
    assert float(total.grad.abs().max()) == 0


def share_of_a(model: Any) -> float:
    from accord.lm.generate import generate

    ids = [model.encode_prompt(prompt) for prompt in DATA.prompts_of("held_out")]
    made = generate(model, ids, 40, Sampling(max_tokens=10, seed=1))
    return sum(truth(model.decode(each.token_ids)) for group in made for each in group) / (40 * len(ids))


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_policy_moves_towards_what_is_ranked_higher(kind: str, start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        made = list(SETTINGS[kind].steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        tuned = load(run.verified("policy/model"))
    assert share_of_a(tuned) > share_of_a(load(start)) + 0.05
    assert all((step.metrics.kl is None) == (kind != "rrhf, own") for step in made)


@pytest.mark.parametrize("memory", [None, 0.0005])
def test_the_update_is_the_gradient_of_the_loss_of_whole_groups(
    memory: float | None, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS["pro"].model_copy(update={"max_steps": 1})
    found: list[float] = []
    monkeypatch.setattr(
        "accord.train.optimiser.Optimiser.step",
        lambda self: found.extend(float(m.grad.norm()) for m in self._masters if m.grad is not None) or 0.0,
    )
    if memory:
        limits = BatchLimits(80, 80)
        monkeypatch.setattr("accord.policy.online_trainer.stage_batch_limits", lambda *_, **__: limits)
    with RunDirectory.create(tmp_path / "once") as run:
        list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = run.read_jsonl("policy/candidates.jsonl")
    causal = load(start)
    prompts = {prompt.id: causal.encode_prompt(prompt) for prompt in PROMPTS}
    totals = []
    for row in rows:
        prompt, written = prompts[row["prompt"]], row["token_ids"]
        logits_TV = causal.model(torch.tensor([prompt + written])).logits[0, len(prompt) - 1 : -1]
        totals.append(logits_TV.log_softmax(-1)[range(len(written)), written].sum())
    score_B = torch.tensor([row["reward"] - 0.2 * (row["finish_reason"] != "eos") for row in rows])
    length_B = torch.tensor([float(len(row["token_ids"])) for row in rows])
    grouped = [each.view(3, 6) for each in (torch.stack(totals), length_B, score_B)]
    settings.loss(*grouped).mean().backward()
    wanted = [float(weight.grad.norm()) for weight in causal.trainable() if weight.grad is not None]
    assert found == pytest.approx(wanted, rel=2e-3, abs=1e-6)


def test_a_broken_off_stage_goes_on_to_the_same_numbers(start: Path, tmp_path: Path) -> None:
    rows = []
    for name, taken in (("whole", None), ("broken", 6)):
        with RunDirectory.create(tmp_path / name) as run:
            list(
                itertools.islice(
                    SETTINGS["pro"].steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run), taken
                )
            )
        if taken is not None:
            with RunDirectory.open(tmp_path / name) as run:
                list(SETTINGS["pro"].steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        lines = (tmp_path / name / "policy/metrics.jsonl").read_text().splitlines()
        rows.append([{**json.loads(line), "seconds": 0} for line in lines])
    assert rows[0] == rows[1]


BEST = BestOfN(
    dtype="float32",
    n=6,
    repeats=4,
    sampling=Sampling(max_tokens=10),
    batch_size=12,
    epochs=4,
    save_every=4,
    optim=Optim(lr=2e-3, warmup_steps=2),
)


def test_the_best_of_n_is_what_is_learnt(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "whole") as run:
        list(BEST.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = run.read_jsonl("policy/candidates.jsonl")
        tuned = load(run.verified("policy/model"))
    for number in {row["group"] for row in rows}:
        group = [row for row in rows if row["group"] == number]
        (chosen,) = [row for row in group if row["chosen"]]
        ended = [row for row in group if row["finish_reason"] == "eos"] or group
        assert chosen["reward"] == max(row["reward"] for row in ended)
        assert len(group) == 6
    assert share_of_a(tuned) > share_of_a(load(start)) + 0.03


def test_best_of_n_goes_on_from_what_was_written(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(BEST.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run), 2))
        written = (tmp_path / "broken/policy/candidates.jsonl").read_bytes()
    with RunDirectory.open(tmp_path / "broken") as run:
        list(BEST.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        assert run.has("policy/model")
    assert (tmp_path / "broken/policy/candidates.jsonl").read_bytes() == written
    with RunDirectory.create(tmp_path / "none") as run, pytest.raises(RecipeError, match="no prompts to answer"):
        list(BEST.steps(Materials(prompts=[], judge=LetterJudge(), start=start), run))


def test_soft_best_of_n_lies_between_drawing_and_choosing() -> None:
    random = np.random.default_rng(0)
    score_N = random.normal(size=200)
    cold, warm, hot = (soft_best_of(score_N, score_N, 8, temperature) for temperature in (0.05, 0.5, 100.0))
    assert best_of(score_N, score_N, 8) == pytest.approx(cold, abs=0.1)
    assert soft_best_of(score_N, score_N, 8, 0.0) == best_of(score_N, score_N, 8)
    assert float(score_N.mean()) == pytest.approx(hot, abs=0.1)
    assert hot < warm < cold
    with pytest.raises(ValueError, match="soft best of 9"):
        soft_best_of(score_N[:8], score_N[:8], 9, 0.5)
