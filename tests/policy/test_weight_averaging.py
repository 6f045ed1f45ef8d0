"""Weighted sums of policies: soups, and going on beyond a policy, with whole weights and with adapters."""

from pathlib import Path
from typing import Any

import pytest
import torch

from accord.errors import ModelError
from accord.lm.adapters import LoRA
from accord.lm.loading import load
from accord.policy import DPO, RLOO, RRHF, SFT, extrapolate, soup
from accord.policy.materials import Materials, SupervisedExample
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset()
PROMPTS = DATA.prompts_of("train")
FORM: dict[str, Any] = {"dtype": "float32", "optim": Optim(lr=1e-2, warmup_steps=1, lr_schedule="constant")}
STEPS: dict[str, Any] = {"max_steps": 2, "prompts_per_step": 3, "group_size": 4, "sampling": Sampling(max_tokens=6)}
ADAPTERS = LoRA(rank=4)


def test_a_soup_is_the_weighted_sum_of_its_models(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        list(RRHF(**FORM, **STEPS).steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        tuned = run.verified("policy/model")
        one, other = (load(each).model.state_dict() for each in (start, tuned))
        half, further = soup([start, tuned], [0.25, 0.75]), extrapolate(start, tuned, 0.5)
    for name, value in half.model.state_dict().items():
        torch.testing.assert_close(value, 0.25 * one[name] + 0.75 * other[name])
    for name, value in further.model.state_dict().items():
        torch.testing.assert_close(value, 1.5 * other[name] - 0.5 * one[name])
    same = soup([start, start], [0.5, 0.5]).model.state_dict()
    assert all(torch.equal(same[name], value) for name, value in one.items())


def test_soups_of_what_does_not_mix_are_refused(start: Path) -> None:
    with pytest.raises(ModelError, match="together 1"):
        soup([start, start], [0.5, 0.6])
    with pytest.raises(ModelError, match="give one each"):
        soup([start], [0.5, 0.5])


def test_adapters_are_merged_before_they_are_summed(start: Path, tmp_path: Path) -> None:
    """The sum of two products is not the product of two sums."""
    ends = []
    for name, seed in (("one", 1), ("other", 2)):
        with RunDirectory.create(tmp_path / name, seed=seed) as run:
            list(
                RLOO(**FORM, **STEPS, lora=ADAPTERS).steps(
                    Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run
                )
            )
            ends.append(run.verified("policy/model"))
    one, other = (load(each).merged().model.state_dict() for each in ends)
    for name, value in soup(ends, [0.5, 0.5]).model.state_dict().items():
        torch.testing.assert_close(value, (one[name] + other[name]) / 2)


def trained(settings: Any, run: RunDirectory, start: Path | None) -> dict[str, torch.Tensor]:
    """The weights that training leaves, adapters merged."""
    match settings:
        case DPO():
            made = settings.steps(Materials(data=DATA, start=start), run)
        case SFT():
            examples = [SupervisedExample(DATA.prompts[each.prompt], each) for each in DATA.completions.values()]
            made = settings.train_on(examples[:32], run, start=start, stage="policy")
        case _:
            made = settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run)
    list(made)
    return load(run.verified("policy/model")).merged().model.state_dict()


@pytest.mark.parametrize(
    "settings",
    [
        RLOO(**FORM, **STEPS),
        RLOO(**FORM, **STEPS, lora=ADAPTERS),
        DPO(**FORM, max_pairs=16, batch_size=8),
        DPO(**FORM, max_pairs=16, batch_size=8, lora=ADAPTERS),
        SFT(**FORM, batch_size=16),
    ],
    ids=["rloo", "rloo, adapters", "dpo", "dpo, adapters", "sft"],
)
def test_a_policy_goes_on_from_its_start_over_what_was_trained(settings: Any, start: Path, tmp_path: Path) -> None:
    further = settings.model_copy(update={"extrapolation": 0.5})
    with RunDirectory.create(tmp_path / "plain") as run:
        tuned = trained(settings, run, start)
    with RunDirectory.create(tmp_path / "further") as run:
        found = trained(further, run, start)
        rows = run.read_jsonl("policy/metrics.jsonl")
    before = load(start).model.state_dict()
    assert len(rows) >= 2
    moved = 0.0
    for name, value in found.items():
        torch.testing.assert_close(value, 1.5 * tuned[name] - 0.5 * before[name], atol=1e-5, rtol=1e-5)
        moved += float((tuned[name] - before[name]).abs().sum())
    assert moved > 0


def test_a_start_that_is_drawn_by_the_seed_is_drawn_alike(tmp_path: Path) -> None:
    """`tiny` is another model with another seed; the one that training began from is meant."""
    settings = RLOO(**{**FORM, "optim": Optim(lr=1e-9, warmup_steps=0, lr_schedule="constant")}, **STEPS, base="tiny")
    with RunDirectory.create(tmp_path / "plain", seed=3) as run:
        tuned = trained(settings, run, None)
    with RunDirectory.create(tmp_path / "further", seed=3) as run:
        found = trained(settings.model_copy(update={"extrapolation": 1.0}), run, None)
    for name, value in found.items():
        torch.testing.assert_close(value, tuned[name], atol=1e-6, rtol=0)
