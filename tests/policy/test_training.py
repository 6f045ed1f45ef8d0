"""Every trainer on a real small model: they learn, resume to the same numbers, do what their papers say."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from accord.errors import RecipeError
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.policy import DPO, GRPO, PPO, REINFORCE, RLOO, SFT, ReinforcePP
from accord.policy.materials import Materials
from accord.policy.rollout import generate_rollouts
from accord.policy.supervised import _blocks, tokenize
from accord.records import Pair, Prompt, Sampling
from accord.run import RunDirectory
from accord.train import Passes
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset, truth

DATA = letters_dataset()
EXAMPLES = Materials(data=DATA).examples
PROMPTS: list[Prompt] = DATA.prompts_of("train")
ONLINE: dict[str, Any] = {
    "dtype": "float32",
    "max_steps": 10,
    "prompts_per_step": 3,
    "group_size": 10,
    "sampling": Sampling(max_tokens=10),
    "kl_coef": 0.02,
    "missing_eos_penalty": 0.2,
    "save_every": 4,
    "optim": Optim(lr=4e-3, warmup_steps=1, lr_schedule="constant"),
}
SETTINGS: dict[str, Any] = {
    "sft": SFT(
        base="tiny", dtype="float32", epochs=20, batch_size=12, save_every=4, optim=Optim(lr=1e-2, warmup_steps=2)
    ),
    "ppo": PPO(**ONLINE, kl_target=0, head_lr_scale=1),
    "grpo": GRPO(**{**ONLINE, "kl_coef": 0.01}),
    "rloo": RLOO(**ONLINE),
    "reinforce": REINFORCE(**ONLINE),
    "reinforce++": ReinforcePP(**ONLINE),
    "dpo": DPO(dtype="float32", beta=2.0, batch_size=8, epochs=4, save_every=4, optim=Optim(lr=4e-4, warmup_steps=2)),
}


RL = ("ppo", "grpo", "rloo", "reinforce", "reinforce++")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt to write strings of a and b, and to stop."""
    with RunDirectory.create(tmp_path_factory.mktemp("runs") / "start") as run:
        list(SETTINGS["sft"].train_on(EXAMPLES, run))
        return run.verified("sft/model")


def test_what_was_preferred_or_compared_weighs_the_mean_of_its_pairs() -> None:
    """Of three texts, a beats b in a pair of 1.2 and c in one of .02, and b ties with c in one of 1."""
    prompt = PROMPTS[0]
    a, b, c = [name for name, each in DATA.completions.items() if each.prompt == prompt.id][:3]
    pairs = (
        Pair(prompt=prompt.id, chosen=a, rejected=b, weight=1.2),
        Pair(prompt=prompt.id, chosen=a, rejected=c, weight=0.02),
        Pair(prompt=prompt.id, chosen=b, rejected=c, weight=1.0, tie=True),
    )
    materials = Materials(data=replace(DATA, pairs={"train": pairs}))
    assert {one.completion.id: one.weight for one in materials.preferred} == {a: pytest.approx(0.61)}
    compared = {one.completion.id: one.weight for one in materials.compared}
    assert compared == {a: pytest.approx(0.61), b: pytest.approx(1.1), c: pytest.approx(0.51)}


def steps_of(kind: str, run: RunDirectory, start: Path) -> Iterator[Any]:
    settings = SETTINGS[kind]
    match kind:
        case "sft":
            return settings.train_on(EXAMPLES, run, stage="policy")
        case _ if kind in RL:
            return settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run)
        case _:
            return settings.steps(Materials(data=DATA, start=start), run)


def share_of_a(causal: CausalModel) -> float:
    ids = [causal.encode_prompt(prompt) for prompt in DATA.prompts_of("held_out")]
    made = generate(causal, ids, 40, Sampling(max_tokens=10, seed=1))
    return sum(truth(causal.decode(each.token_ids)) for group in made for each in group) / (40 * len(ids))


def test_the_supervised_start_learns_to_write_and_to_stop(start: Path) -> None:
    """pad equals eos in this tokenizer: whoever masks by ids != pad never teaches the model to stop."""
    causal = load(start)
    assert causal.pad_id == causal.eos_id
    made = generate(causal, [causal.encode_prompt(PROMPTS[0])], 100, Sampling(max_tokens=16, seed=0))[0]
    texts = [causal.decode(each.token_ids) for each in made]
    assert sum(each.finish_reason == "eos" for each in made) > 80
    assert sum(set(text) <= {"a", "b"} for text in texts) > 80


@pytest.mark.parametrize("kind", [*RL, "dpo"])
def test_the_policy_moves_towards_what_is_preferred(kind: str, start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / kind) as run:
        made = list(steps_of(kind, run, start))
        tuned = load(run.verified("policy/model"))
    assert share_of_a(tuned) > share_of_a(load(start)) + 0.1
    if kind in RL:
        assert made[0].metrics.kl == pytest.approx(0, abs=1e-5)  # the policy is its reference before the first update
        assert made[-1].metrics.kl > 0.1
        assert all(step.metrics.sampler_logprob_diff < 1e-4 for step in made)
        assert all(0 <= step.metrics.sampler_kl + 1e-9 < 1e-6 for step in made)
    else:
        assert made[0].metrics.loss == pytest.approx(0.6931, abs=1e-3)
        assert made[-1].metrics.accuracy > 0.7


@pytest.mark.parametrize("kind", ["sft", *RL, "dpo"])
def test_a_broken_off_stage_goes_on_to_the_same_numbers(kind: str, start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "whole") as whole:
        list(steps_of(kind, whole, start))
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(steps_of(kind, run, start), 6))  # the last checkpoint is at step 4
    with RunDirectory.open(tmp_path / "broken") as run:
        again = list(steps_of(kind, run, start))
    assert again[0].step == 5
    for name in ("metrics", "samples") if kind in RL else ("metrics",):
        rows = [
            [json.loads(line) for line in (tmp_path / each / f"policy/{name}.jsonl").read_text().splitlines()]
            for each in ("whole", "broken")
        ]
        for one, other in zip(*rows, strict=True):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}
    weights = [load(tmp_path / each / "policy/model").model.state_dict() for each in ("whole", "broken")]
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name]), name


def test_pretraining_mix_holds_the_policy_near_what_it_was_taught(start: Path, tmp_path: Path) -> None:
    plain: PPO = SETTINGS["ppo"]
    losses = {}
    for coefficient in (0.0, 5.0):
        settings = plain.model_copy(update={"pretrain_coef": coefficient, "kl_coef": 0.0})
        with RunDirectory.create(tmp_path / str(coefficient)) as run:
            made = list(
                settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start, examples=EXAMPLES), run)
            )
        losses[coefficient] = made[-1].metrics.kl
        assert (made[-1].metrics.pretrain_loss is None) == (coefficient == 0)
    assert losses[5.0] < losses[0.0]


def test_the_reward_falls_where_a_completion_does_not_end(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS["ppo"].model_copy(update={"sampling": Sampling(max_tokens=2), "max_steps": 1})
    with RunDirectory.create(tmp_path / "cut") as run:
        (made,) = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = run.read_jsonl("policy/samples.jsonl")
    assert made.metrics.stop_rate < 0.5
    assert {row["finish_reason"] for row in rows} >= {"length"}
    assert made.metrics.reward == pytest.approx(sum(row["reward"] for row in rows) / len(rows), abs=1e-5)


def test_the_logged_kl_is_the_one_that_can_be_worked_out_again(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "kl") as run:
        made = {step.step: step for step in steps_of("ppo", run, start)}
        rows = run.read_jsonl("policy/samples.jsonl")
    for step, one in made.items():
        of_step = [row for row in rows if row["step"] == step]
        logprobs = [row.get("logprobs") or row["rollout_logprobs"] for row in of_step]
        kls = [sum(given) - sum(row["reference_logprobs"]) for row, given in zip(of_step, logprobs, strict=True)]
        assert one.metrics.kl == pytest.approx(sum(kls) / len(kls), abs=1e-4)
        assert one.metrics.kl > -3 * one.metrics.kl_se - 1e-6


def test_a_rollout_carries_the_ids_that_were_sampled(start: Path) -> None:
    causal = load(start)
    made = generate_rollouts(causal, load(start), LetterJudge(), PROMPTS, 4, Sampling(max_tokens=6, seed=3))
    assert len(made.answers) == 4 * len(PROMPTS)
    for row, (answer, each, completion) in enumerate(zip(made.answers, made.samples, made.completions, strict=True)):
        assert answer.completion == each.token_ids == completion.token_ids
        assert int(made.mask_BT[row].sum()) == len(each.token_ids)
        assert (each.token_ids[-1] == causal.eos_id) == (each.finish_reason == "eos")
    torch.testing.assert_close(made.policy.logprob_BT, made.reference_BT)
    torch.testing.assert_close(made.policy.logprob_BT, made.sampled_BT, atol=1e-4, rtol=1e-4)
    assert made.kl_B.abs().max().item() < 1e-3


def test_every_example_ends_with_eos_and_every_pass_shows_each_once() -> None:
    causal = load("tiny")
    answers = tokenize(causal, EXAMPLES)
    assert all(answer.completion[-1] == causal.eos_id for answer in answers)
    passes, draws = Passes(_blocks(answers, 4, seed=0), 0, "epoch"), len(answers)
    seen = [answer.key for step in range(1, -(-draws // 7) + 1) for answer in passes.step(step, 7, draws)]
    assert sorted(seen) == list(range(len(answers)))


def test_adapters_train_and_open_elsewhere(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS["ppo"].model_copy(update={"lora": LoRA(rank=4), "optim": Optim(lr=2e-2, warmup_steps=1)})
    with RunDirectory.create(tmp_path / "lora") as run:
        made = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        folder = run.verified("policy/model")
    assert made[-1].metrics.kl > 0.05
    plain = AutoModelForCausalLM.from_pretrained(folder)
    ours = load(folder)
    ids = torch.tensor([ours.encode_prompt(PROMPTS[0])])
    torch.testing.assert_close(plain(ids).logits, ours.model(ids).logits, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(plain(ids).logits, load(start).model(ids).logits, atol=1e-2)


def test_the_trained_policy_opens_in_plain_transformers(start: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(start)
    tokenizer = AutoTokenizer.from_pretrained(start)
    ids = tokenizer("ab", return_tensors="pt")["input_ids"]
    torch.testing.assert_close(model(ids).logits, load(start).model(ids).logits)


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        (PPO(), {"prompts": PROMPTS}, "no model to start from"),
        (PPO(base="tiny"), {"prompts": []}, "no prompts"),
        (PPO(base="tiny", pretrain_coef=1.0), {"prompts": PROMPTS, "examples": []}, "no supervised examples"),
    ],
)
def test_ppo_refuses_what_it_cannot_start(
    settings: PPO, arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with RunDirectory.create(tmp_path / "x") as run, pytest.raises(RecipeError, match=message):
        list(settings.steps(Materials(**arguments, judge=LetterJudge()), run))


def test_greedy_samples_have_probabilities_too(start: Path) -> None:
    made = generate_rollouts(
        load(start), load(start), LetterJudge(), PROMPTS, 1, Sampling(max_tokens=6, temperature=0.0)
    )
    assert torch.isfinite(made.policy.logprob_BT).all()
    torch.testing.assert_close(made.policy.logprob_BT, made.sampled_BT, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("average", ["sequence", "token", "constant"])
def test_the_first_update_of_grpo_is_the_written_out_policy_gradient(
    average: str, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On policy every ratio is 1, so the gradient is that of -sum of weight * advantage * log-probability."""
    settings = SETTINGS["grpo"].model_copy(update={"max_steps": 1, "kl_coef": 0.0, "average": average})
    found: list[float] = []
    monkeypatch.setattr(
        "accord.train.optimiser.Optimiser.step",
        lambda self: found.extend(float(m.grad.norm()) for m in self._masters if m.grad is not None) or 0.0,
    )
    with RunDirectory.create(tmp_path / "once") as run:
        (made,) = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = run.read_jsonl("policy/samples.jsonl")
    causal = load(start)
    score_B = torch.tensor([row["reward"] - 0.2 * (row["finish_reason"] != "eos") for row in rows])
    grouped = score_B.view(3, 10)
    advantage_B = ((grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)).flatten()
    total = sum(len(row["token_ids"]) for row in rows)
    loss = torch.zeros(())
    prompts = {prompt.id: prompt for prompt in PROMPTS}
    for row, advantage in zip(rows, advantage_B, strict=True):
        prompt, written = causal.encode_prompt(prompts[row["prompt"]]), row["token_ids"]
        logits_TV = causal.model(torch.tensor([prompt + written])).logits[0, len(prompt) - 1 : -1]
        logprob_T = logits_TV.log_softmax(-1)[range(len(written)), written]
        weight = {"sequence": 1 / (30 * len(written)), "token": 1 / total, "constant": 1 / 300}[average]
        loss = loss - advantage * weight * logprob_T.sum()
    loss.backward()
    wanted = [float(weight.grad.norm()) for weight in causal.trainable() if weight.grad is not None]
    assert found == pytest.approx(wanted, rel=1e-3)
    assert made.metrics.sampler_logprob_diff == pytest.approx(0, abs=1e-4)


def test_the_first_update_of_rloo_is_the_written_out_policy_gradient(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The return is score - kl (log pi - log ref), here 0 at the start; the baseline that of the nine others."""
    settings = SETTINGS["rloo"].model_copy(update={"max_steps": 1})
    found: list[float] = []
    monkeypatch.setattr(
        "accord.train.optimiser.Optimiser.step",
        lambda self: found.extend(float(m.grad.norm()) for m in self._masters if m.grad is not None) or 0.0,
    )
    with RunDirectory.create(tmp_path / "once") as run:
        list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = run.read_jsonl("policy/samples.jsonl")
    causal = load(start)
    score_PG = torch.tensor([row["reward"] - 0.2 * (row["finish_reason"] != "eos") for row in rows]).view(3, 10)
    advantage_B = (10 / 9 * (score_PG - score_PG.mean(1, keepdim=True))).flatten()
    prompts = {prompt.id: causal.encode_prompt(prompt) for prompt in PROMPTS}
    loss = torch.zeros(())
    for row, advantage in zip(rows, advantage_B, strict=True):
        prompt, written = prompts[row["prompt"]], row["token_ids"]
        logits_TV = causal.model(torch.tensor([prompt + written])).logits[0, len(prompt) - 1 : -1]
        loss = loss - advantage / 30 * logits_TV.log_softmax(-1)[range(len(written)), written].sum()
    loss.backward()
    wanted = [float(weight.grad.norm()) for weight in causal.trainable() if weight.grad is not None]
    assert found == pytest.approx(wanted, rel=1e-3)


def test_the_baseline_of_reinforce_is_what_earlier_steps_returned(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS["reinforce"].model_copy(
        update={"max_steps": 3, "kl_coef": 0.0, "missing_eos_penalty": 0.0, "save_every": 1}
    )
    with RunDirectory.create(tmp_path / "run") as run:
        made = []
        for step in settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run):
            made.append(step.metrics.reward)
            last = run.last_checkpoint("policy")
            if last is not None and last.step == 2:
                kept = json.loads((last.folder / "state.json").read_text())["baseline"]
    assert kept == pytest.approx(0.9 * made[0] + 0.1 * made[1], abs=1e-6)


def test_ppo_warms_its_values_up_before_it_moves(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS["ppo"].model_copy(update={"value_warmup": 2, "max_steps": 4})
    with RunDirectory.create(tmp_path / "warm") as run:
        made = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
    assert [step.metrics.kl == pytest.approx(0, abs=1e-6) for step in made] == [True, True, True, False]
    assert made[0].metrics.policy_loss == 0
    assert made[1].metrics.explained_variance != made[0].metrics.explained_variance


def test_grpo_without_a_reference_says_so(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS["grpo"].model_copy(update={"max_steps": 1, "kl_coef": 0.0, "watch_kl": False})
    with RunDirectory.create(tmp_path / "free") as run:
        (made,) = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = run.read_jsonl("policy/samples.jsonl")
    assert made.metrics.kl is None
    assert "reference_logprobs" not in rows[0]
    assert all(len(row["logprobs"]) == len(row["token_ids"]) for row in rows)


def test_several_updates_on_the_same_samples(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS["grpo"].model_copy(update={"epochs": 3, "minibatches": 2, "clip": 0.01, "clip_high": 0.02})
    with RunDirectory.create(tmp_path / "often") as run:
        made = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
    assert made[0].metrics.clip_frac > 0.1
    assert made[-1].metrics.reward > made[0].metrics.reward


def test_an_example_of_weight_two_counts_as_two(tmp_path: Path) -> None:
    one, other = EXAMPLES[0], next(example for example in EXAMPLES if example.completion != EXAMPLES[0].completion)
    steps = {}
    for name, examples in (("heavy", [one._replace(weight=2.0), other]), ("twice", [one, one, other])):
        settings = SFT(base="tiny", dtype="float32", batch_size=len(examples), optim=Optim(lr=1e-2))
        with RunDirectory.create(tmp_path / name) as run:
            (steps[name],) = settings.train_on(examples, run)
    heavy, twice = steps["heavy"].metrics, steps["twice"].metrics
    assert heavy.loss == pytest.approx(twice.loss, rel=1e-5)
    assert heavy.grad_norm == pytest.approx(twice.grad_norm, rel=1e-4)


def test_an_example_that_weighs_little_moves_little_in_a_step_of_its_own(tmp_path: Path) -> None:
    some = EXAMPLES[:4]
    settings = SFT(base="tiny", dtype="float32", batch_size=1, optim=Optim(lr=1e-12))
    norms = {}
    for name, weights in (("plain", [1.0] * 4), ("weighted", [0.25, 1.75, 0.25, 1.75])):
        examples = [example._replace(weight=weight) for example, weight in zip(some, weights, strict=True)]
        with RunDirectory.create(tmp_path / name) as run:
            norms[name] = [step.metrics.grad_norm for step in settings.train_on(examples, run)]
    ratios = [heavy / plain for heavy, plain in zip(norms["weighted"], norms["plain"], strict=True)]
    assert max(ratios) / min(ratios) == pytest.approx(7.0, rel=1e-3)
