"""Bradley-Terry fits: they learn what is true, resume to the same numbers, and refuse what they cannot fit."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from accord.errors import RecipeError, TrainingStopped
from accord.feedback import Dataset
from accord.lm.packed import PackedBatch
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion
from accord.reward import BradleyTerry, accuracy, baselines, calibration, evaluate, score_split
from accord.reward.heads import Heads
from accord.reward.observations import completions_of, group_observations, join_groups, of_pair
from accord.run import RunDirectory
from accord.train import BatchLimits
from accord.train.optimiser import Optim
from small_data import letters_dataset, truth

SETTINGS = BradleyTerry(
    base="tiny",
    dtype="float32",
    epochs=30,
    step_completions=16,
    save_every=5,
    optim=Optim(lr=5e-3, warmup_steps=3),
    head_lr_scale=1,
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return letters_dataset(prompts=12)


@pytest.fixture(scope="module")
def fitted(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[ScalarHeadModel, RunDirectory]:
    run = RunDirectory.create(tmp_path_factory.mktemp("runs") / "fit")
    return SETTINGS.fit(data, run), run


def test_it_learns_a_true_preference(data: Dataset, fitted: tuple[ScalarHeadModel, RunDirectory]) -> None:
    judge, _ = fitted
    scores = score_split(judge, data, "held_out")
    found = evaluate(scores, data, fitted_on="train")
    assert found.accuracy.low is not None
    assert found.accuracy.low > 0.5  # of four clusters alone
    assert found.accuracy.value > 0.85
    assert found.accuracy.value > found.length_only.value
    assert found.accuracy.n == sum(not pair.tie for pair in data.pairs["held_out"])


def test_scores_are_normalised_on_what_was_compared(
    data: Dataset, fitted: tuple[ScalarHeadModel, RunDirectory]
) -> None:
    judge, _ = fitted
    values = list(score_split(judge, data, "train").values.values())
    assert torch.tensor(values).mean().item() == pytest.approx(0, abs=1e-3)
    assert torch.tensor(values).std(correction=0).item() == pytest.approx(1, abs=1e-3)


def test_a_score_does_not_depend_on_company_or_order(
    data: Dataset, fitted: tuple[ScalarHeadModel, RunDirectory]
) -> None:
    judge, _ = fitted
    completions = list(data.completions.values())[:12]
    prompts = [data.prompts[each.prompt] for each in completions]
    together = judge.score(prompts, completions).value_N
    alone = [judge.score([p], [c]).value_N[0] for p, c in zip(prompts, completions, strict=True)]
    backwards = judge.score(prompts[::-1], completions[::-1]).value_N[::-1]
    assert together == pytest.approx(alone, abs=1e-4)
    assert together == pytest.approx(backwards, abs=1e-4)


def test_the_judge_in_the_run_is_the_judge_that_was_fitted(
    data: Dataset, fitted: tuple[ScalarHeadModel, RunDirectory]
) -> None:
    judge, run = fitted
    again = SETTINGS.load(run)
    assert score_split(again, data, "held_out") == score_split(judge, data, "held_out")


def test_a_broken_off_fit_goes_on_to_the_same_numbers(
    data: Dataset, fitted: tuple[ScalarHeadModel, RunDirectory], tmp_path: Path
) -> None:
    judge, whole = fitted
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(SETTINGS.steps(data, run), 13))  # the last checkpoint is at step 10
    with RunDirectory.open(tmp_path / "broken") as run:
        first = next(iter(SETTINGS.steps(data, run)))
        assert first.step == 11
    with RunDirectory.open(tmp_path / "broken") as run:
        again = SETTINGS.fit(data, run)
        assert score_split(again, data, "held_out") == score_split(judge, data, "held_out")
        for one, other in zip(
            run.log("reward/metrics.jsonl").rows(), whole.log("reward/metrics.jsonl").rows(), strict=True
        ):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_a_loss_that_is_not_finite_stops_the_fit_and_keeps_the_last_step(data: Dataset, tmp_path: Path) -> None:
    wild = SETTINGS.model_copy(update={"optim": Optim(lr=1e30, warmup_steps=0, max_grad_norm=1e30)})
    with RunDirectory.create(tmp_path / "wild") as run:
        with pytest.raises(TrainingStopped, match=r"reward: .*step \d+ is kept"):
            wild.fit(data, run)
        kept = run.last_checkpoint("reward")
    assert TrainingStopped.exit_status == 3
    steps = [json.loads(line)["step"] for line in (tmp_path / "wild/reward/metrics.jsonl").read_text().splitlines()]
    assert kept is None if not steps else (kept is not None and kept.step == steps[-1])


def test_a_split_without_pairs_is_refused_by_name(data: Dataset, tmp_path: Path) -> None:
    with (
        RunDirectory.create(tmp_path / "none") as run,
        pytest.raises(RecipeError, match="'train' has no comparison or ranking or rating"),
    ):
        BradleyTerry(base="tiny").fit(Dataset(**{**vars(data), "pairs": {"train": ()}}), run)


def test_large_groups_are_cut_and_lose_no_pair(data: Dataset) -> None:
    groups = group_observations([of_pair(pair) for pair in data.pairs["train"]], 5)
    assert sorted(each.content.model_dump_json() for group in groups for each in group) == sorted(
        pair.model_dump_json() for pair in data.pairs["train"]
    )
    assert max(len(completions_of(group)) for group in groups) <= 5


def test_small_groups_are_read_together_as_far_as_they_fit(data: Dataset) -> None:
    groups = group_observations([of_pair(pair) for pair in data.pairs["train"]], 3)
    joined = join_groups(groups, lambda names: len(names) <= 8)
    assert [each for group in joined for each in group] == [each for group in groups for each in group]
    assert len(joined) < len(groups) / 2
    assert max(len(completions_of(each)) for each in joined) <= 8
    assert join_groups(groups, lambda names: len(names) <= 2) == [list(group) for group in groups]  # larger: alone
    assert join_groups([], lambda names: True) == []


@pytest.mark.parametrize(("batch_tokens", "twice"), [(4096, False), (300, False), (16, True)])
def test_each_text_of_a_step_is_read_once_where_its_group_fits_a_batch(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_tokens: int, twice: bool
) -> None:
    """What a step reads, and that its loss and gradient are those of one batch."""
    read: list[int] = []
    at_end = ScalarHeadModel.at_end

    def counted(self: ScalarHeadModel, batch: PackedBatch) -> Tensor:
        read.append(len(batch.keys))
        return at_end(self, batch)

    monkeypatch.setattr(ScalarHeadModel, "at_end", counted)
    settings = SETTINGS.model_copy(update={"max_steps": 1, "step_completions": 30})
    found = {}
    for size in (batch_tokens, 10**6):
        limits = BatchLimits(None, size)
        monkeypatch.setattr("accord.reward.learnt.stage_batch_limits", lambda *_, limits=limits, **__: limits)
        read.clear()
        with RunDirectory.create(tmp_path / str(size)) as run:
            step = next(settings.steps(data, run))
        found[size] = sum(read), len(read), step.metrics.loss, step.metrics.grad_norm
    (texts, passes, *numbers), (all_texts, fewest, *whole) = found.values()
    assert 20 < all_texts <= 30
    assert texts == (2 * all_texts if twice else all_texts)
    assert passes >= fewest
    assert numbers == pytest.approx(whole, rel=1e-5)


def test_accuracy_and_calibration_of_scores_that_are_right(data: Dataset) -> None:
    pairs = data.pairs["held_out"]
    right = {name: truth(completion.text) for name, completion in data.completions.items()}
    wrong = {name: -value for name, value in right.items()}
    assert accuracy(right, pairs).value == 1
    assert accuracy(wrong, pairs).value == 0
    assert accuracy(dict.fromkeys(right, 0.0), pairs).value == 0.5
    sure = calibration(right, [pair for pair in pairs if not pair.tie], scale=1e4)
    assert sure.value == pytest.approx(0, abs=1e-6)
    assert calibration(wrong, [pair for pair in pairs if not pair.tie], scale=1e4).value == pytest.approx(
        1, abs=0.1
    )  # one bin has both signs


def test_baselines_find_a_length_preference() -> None:
    data = letters_dataset()
    completions = {
        name: Completion(prompt=each.prompt, text="x" * round(100 * truth(each.text) + 1))
        for name, each in data.completions.items()
    }
    found = baselines(Dataset(**{**vars(data), "completions": completions}), fitted_on="train", split="held_out")
    assert found["length_only"].value == 1
    assert 0.3 < found["majority"].value < 0.7


def test_members_weigh_evaluators_each_in_its_own_way(data: Dataset) -> None:
    pairs = data.pairs["train"]
    weight_PM = Heads(members=400, seed=3).weights(pairs)
    assert torch.equal(Heads(seed=3).weights(pairs), torch.tensor([[pair.weight] for pair in pairs]))
    by_evaluator = {}
    for pair, weight_M in zip(pairs, weight_PM, strict=True):
        assert torch.equal(by_evaluator.setdefault(pair.evaluator, weight_M), weight_M)
    assert len({tuple(weight_M.tolist()) for weight_M in by_evaluator.values()}) == len(by_evaluator) > 1
    every = torch.stack(list(by_evaluator.values()))
    assert float(every.mean()) == pytest.approx(1, abs=0.1)  # an exponential distribution: mean 1, deviation 1
    assert float(every.std()) == pytest.approx(1, abs=0.15)


def test_an_ensemble_of_heads_agrees_where_it_has_seen_and_keeps_its_members(data: Dataset, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "five") as run:
        judge = SETTINGS.model_copy(update={"ensemble_size": 5}).fit(data, run)
        again = SETTINGS.load(run)  # how many members there are is kept with the model
    completions = [data.completions[name] for pair in data.pairs["held_out"] for name in (pair.chosen, pair.rejected)]
    prompts = [data.prompts[each.prompt] for each in completions]
    scores, same = judge.score(prompts, completions), again.score(prompts, completions)
    assert scores.std_N is not None
    assert same.std_N is not None
    assert np.array_equal(scores.value_N, same.value_N)
    assert np.array_equal(scores.std_N, same.std_N)
    assert (scores.std_N > 0).all()
    seen = [data.completions[name] for pair in data.pairs["train"] for name in (pair.chosen, pair.rejected)]
    raw_NM = judge.raw([data.prompts[each.prompt] for each in seen], seen)
    fitted = (raw_NM - np.array(judge.mean_M)) / judge.score_scale
    assert judge.score([data.prompts[each.prompt] for each in seen], seen).std_N == pytest.approx(fitted.std(1, ddof=1))
    assert float(scores.std_N.mean()) < 0.5 * float(scores.value_N.std())  # they agree more than they differ
    found = evaluate(score_split(judge, data, "held_out"), data, fitted_on="train")
    assert found.accuracy.low is not None
    assert found.accuracy.low > 0.5  # of four clusters alone
    assert found.accuracy.value > 0.85


def test_a_single_head_has_no_deviation(data: Dataset, fitted: tuple[ScalarHeadModel, RunDirectory]) -> None:
    completion = next(iter(data.completions.values()))
    assert fitted[0].score([data.prompts[completion.prompt]], [completion]).std_N is None


def test_a_step_of_pairs_that_weigh_little_moves_little(data: Dataset, tmp_path: Path) -> None:
    """Every step holds the pairs of one prompt alone: what they weigh counts beside those of other steps."""
    prompts = sorted({pair.prompt for pair in data.pairs["train"]})
    light = {name: 0.1 if place % 2 else 1.9 for place, name in enumerate(prompts)}
    weighted = [pair.model_copy(update={"weight": light[pair.prompt]}) for pair in data.pairs["train"]]
    settings = SETTINGS.model_copy(update={"epochs": 1.0, "step_completions": 2, "optim": Optim(lr=1e-12)})
    norms = {}
    for name, pairs in (("plain", data.pairs["train"]), ("weighted", tuple(weighted))):
        with RunDirectory.create(tmp_path / name) as run:
            changed = replace(data, pairs={**data.pairs, "train": pairs})
            norms[name] = [step.metrics.grad_norm for step in settings.steps(changed, run)]
    mean = sum(pair.weight for pair in weighted) / len(weighted)
    ratios = {round(heavy / plain * mean, 3) for heavy, plain in zip(norms["weighted"], norms["plain"], strict=True)}
    assert ratios == {0.1, 1.9}
