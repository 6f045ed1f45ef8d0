"""Each kind of judgement alone teaches what is true, and a fit goes on to the same numbers after it was broken off."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from accord.errors import ArtefactError, RecipeError
from accord.feedback import Dataset, pairs_from_comparison
from accord.interfaces import Judge
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion
from accord.reward import REWARDS
from accord.reward.coefficients import fit_coefficients
from accord.reward.learnt import LearntReward
from accord.reward.terms.comparisons import Comparisons
from accord.reward.terms.graded_ratings import GradedRatings
from accord.run import RunDirectory
from small_judgements import correlation, judged_letters

TINY = {
    "base": "tiny",
    "dtype": "float32",
    "epochs": 12,
    "step_completions": 16,
    "save_every": 5,
    "optim": {"lr": 5e-3, "warmup_steps": 3},
    "head_lr_scale": 2,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plackett_luce": ("ranking", {}),
    "rating_regression": ("rating", {}),
    "cumulative_rating": ("rating", {}),
    "label_logistic": ("label", {"coefficients": {"good": 1, "bad": -1}}),
    "correction": ("correction", {}),
    "demonstration": ("demonstration", {}),
    "critique": ("critique", {}),
    "joint": ("", {}),
}


def settings_of(kind: str, **changes: Any) -> LearntReward:
    made = REWARDS.get(kind).model_validate({**TINY, **CASES.get(kind, ("", {}))[1], **changes})
    assert isinstance(made, LearntReward)
    return made


def agreement(judge: Judge, data: Dataset) -> float:
    def score(texts: Sequence[Completion]) -> Sequence[float]:
        found: list[float] = judge.score([data.prompts[each.prompt] for each in texts], texts).value_N.tolist()
        return found

    return correlation(data, "held_out", score)


def with_pairs(data: Dataset) -> Dataset:
    pairs = {
        split: [p for each in data.comparisons(split) for p in pairs_from_comparison(each.feedback)]
        for split in data.feedback
    }
    return replace(data, pairs={split: tuple(side) for split, side in pairs.items()})


@pytest.mark.parametrize("kind", ["bradley_terry", "thurstone", "distributional", *CASES])
def test_what_is_counted_beforehand_is_what_is_learnt_from(kind: str) -> None:
    """`observations` take no model; they are those that the terms read, with the weights of their kinds."""
    data = with_pairs(judged_letters())
    settings = settings_of(kind)
    learnt = [observation for observation, _ in settings.read(data, "train", stage="reward")[1]]
    assert settings.observations(data, "train", stage="reward") == learnt


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_of_judgement_teaches_what_is_true(kind: str, tmp_path: Path) -> None:
    said = CASES[kind][0]
    data = judged_letters(*filter(None, [said]))
    assert not any(data.pairs.values())
    with RunDirectory.create(tmp_path / "run") as run:
        steps = list(settings_of(kind).steps(data, run))
        judge = settings_of(kind).load(run)
    assert agreement(judge, data) > 0.7
    assert set(steps[0].metrics.observations or {}) <= {said} if said else True
    losses = [step.metrics.loss for step in steps]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("joint", {"strength": "ordinal", "ties": "rao_kupper", "lapse": "fitted"}),
        ("label_logistic", {"ensemble_size": 2}),
    ],
)
def test_a_fit_whose_terms_have_parameters_goes_on_to_the_same_numbers(
    kind: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    data = judged_letters(*filter(None, [CASES[kind][0]]), prompts=6, texts=5)
    settings = settings_of(kind, epochs=4, step_completions=5, decoder_prior_std=0.3, **changes)
    with RunDirectory.create(tmp_path / "whole") as run:
        settings.fit(data, run)
        whole = {name: each.clone() for name, each in settings.load_terms(data, run).state_dict().items()}
        steps = list(run.log("reward/metrics.jsonl").rows())
    assert len(steps) >= 8
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(settings.steps(data, run), 7))  # the last checkpoint is at step 5
    with RunDirectory.open(tmp_path / "broken") as run:
        assert next(iter(settings.steps(data, run))).step == 6
    with RunDirectory.open(tmp_path / "broken") as run:
        settings.fit(data, run)
        again = settings.load_terms(data, run).state_dict()
        for one, other in zip(run.log("reward/metrics.jsonl").rows(), steps, strict=True):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert whole.keys() == again.keys()
    assert bool(whole) == (kind == "joint")
    for name, tensor in whole.items():
        assert torch.equal(tensor, again[name]), name


def test_the_probability_of_a_tie_is_that_of_the_terms_that_were_kept(tmp_path: Path) -> None:
    data = judged_letters("comparison", evaluators=1)
    settings = REWARDS.get("joint").model_validate({**TINY, "ties": "davidson", "epochs": 4})
    assert isinstance(settings, LearntReward)
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(data, run)
        (term,) = settings.load_terms(data, run).values()
    assert isinstance(term, Comparisons)
    assert term.tie is not None
    observations = term.read(data, "held_out").observations
    shares = []
    for observation in observations:
        completions = [data.completions[name] for name in observation.completions]
        raw_NM = judge.raw([data.prompts[each.prompt] for each in completions], completions)
        score_AM = torch.tensor(raw_NM, dtype=torch.float32)
        outcomes = [
            torch.exp(-term.nll(score_AM, [replace(observation, content=content)], [places])).item()
            for places in ([0, 1], [1, 0])
            for content in (observation.content.model_copy(update={"tie": tie}) for tie in (False, True))
        ]
        assert outcomes[1] == pytest.approx(outcomes[3], abs=1e-6)  # a tie is the same from both sides
        assert outcomes[0] + outcomes[1] + outcomes[2] == pytest.approx(1, abs=1e-5)
        shares.append((outcomes[1], observation.content.tie))
    tied, preferred = ([share for share, tie in shares if tie is each] for each in (True, False))
    assert np.mean(tied) > np.mean(preferred)  # closer texts are more often called equal


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("bradley_terry", {"ties": "davidson"}),
        ("bradley_terry", {"ties": "rao_kupper", "strength": "ordinal", "lapse": "fitted"}),
        ("bradley_terry", {"strength": "margin", "flip_rate": 0.05}),
        ("thurstone", {"ties": "threshold", "lapse": 0.05}),
    ],
)
def test_every_model_of_an_answer_orders_texts_by_the_truth(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    data = with_pairs(judged_letters("comparison"))
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings_of(kind, epochs=8, **changes).fit(data, run)
    assert agreement(judge, data) > 0.7


def test_fitted_coefficients_are_what_comparisons_say_of_labels(tmp_path: Path) -> None:
    data = with_pairs(judged_letters("label", "comparison"))
    settings = settings_of("label_logistic", coefficients="fitted", epochs=8)
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(data, run)
    assert isinstance(judge, ScalarHeadModel)
    bad, good = judge.aggregation.weights
    assert judge.components == ("bad", "good")
    assert good - bad > 0  # what one output says the other says turned round: their difference alone is known
    assert agreement(judge, data) > 0.7
    completions = list(data.completions.values())[:9]
    scores = judge.score([data.prompts[each.prompt] for each in completions], completions)
    parts = bad * scores.components["bad"].value_N + good * scores.components["good"].value_N
    assert scores.value_N == pytest.approx(parts)
    with RunDirectory.create(tmp_path / "none") as run, pytest.raises(RecipeError, match="needs comparisons"):
        settings.fit(judged_letters("label"), run)


def test_coefficients_by_newton_are_where_the_gradient_is_nothing() -> None:
    rng = np.random.default_rng(0)
    difference_PK, tie_P = rng.normal(size=(60, 3)), rng.random(60) < 0.2
    weight_P = rng.exponential(size=60)
    found_K = fit_coefficients(difference_PK, tie_P, weight_P, prior_std=1.0)
    share_P = 1 / (1 + np.exp(-difference_PK @ found_K))
    gradient_K = difference_PK.T @ (weight_P * (share_P - np.where(tie_P, 0.5, 1.0))) + found_K
    assert np.abs(gradient_K).max() < 1e-8
    separable = fit_coefficients(np.abs(difference_PK) * 50, np.zeros(60, bool), np.ones(60), prior_std=1.0)
    assert np.isfinite(separable).all()


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("bradley_terry", {"strength": "ordinal"}, "set ties = 'rao_kupper'"),
        ("bradley_terry", {"strength": "margin", "ties": "davidson"}, "goes with ties = 'half' alone"),
        ("bradley_terry", {"lapse": 0.1, "flip_rate": 0.1}, "set one to 0"),
        ("bradley_terry", {"lapse": 1.5}, "lapse = 1.5 is no share"),
        ("bradley_terry", {"flip_rate": 0.5}, "less than 0.5"),
        ("label_logistic", {"coefficients": {"good": 0}}, "are all 0"),
        ("label_logistic", {"group_by": "age"}, "a label's outputs are its options"),
        ("critique", {"readers": ["words"]}, "'words' is no reader"),
        ("joint", {"kind_weights": {"ranking": math.nan}}, "finite number"),
        ("label_logistic", {"coefficients": {"good": math.nan}}, "finite number"),
        ("label_logistic", {"coefficients": {"good": math.inf}}, "finite number"),
        ("joint", {"kind_weights": {"rating": 0}}, "kind_weights.rating = 0 is not above 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(kind: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        settings_of(kind, **changes)


@pytest.mark.parametrize("std", ["flat", 0.3])
def test_a_prior_is_the_same_after_a_recipe_was_written_and_read(std: float | str) -> None:
    settings = settings_of("joint", head_prior_std=std)
    content = settings.model_dump(mode="json", exclude_none=True)  # TOML has no null
    assert REWARDS.get("joint").model_validate(content) == settings
    assert settings.head_std == (None if std == "flat" else std)
    for wrong in (0, -1.0, "none"):
        with pytest.raises(ValidationError, match="head_prior_std"):
            settings_of("joint", head_prior_std=wrong)


def test_terms_leave_their_starts_at_the_rates_that_are_usual(tmp_path: Path) -> None:
    """Nearly all stars are a 5: the thresholds say so, though the decoder has hardly moved."""
    data = judged_letters("rating")
    stars = {
        split: tuple(
            record.model_copy(update={"judgement": record.judgement.model_copy(update={"value": 5 if k % 8 else 2})})
            for k, record in enumerate(side)
        )
        for split, side in data.feedback.items()
    }
    data = replace(data, feedback=stars)
    settings = REWARDS.get("cumulative_rating").model_validate(
        {"base": "tiny", "dtype": "float32", "epochs": 24, "step_completions": 16}
    )
    assert isinstance(settings, LearntReward)
    assert settings.optim == LearntReward.model_fields["optim"].default
    with RunDirectory.create(tmp_path / "run") as run:
        settings.fit(data, run)
        (term,) = settings.load_terms(data, run).values()
    assert isinstance(term, GradedRatings)
    (observation, *_) = term.read(data, "train").observations
    shares = [
        torch.exp(-term.nll(torch.zeros(1, 1), [replace(observation, content=stated)], [[0]])).item()
        for stated in (observation.content.model_copy(update={"value": level}) for level in range(1, 6))
    ]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert shares[4] > 0.35  # 0.2 at first, 7 / 8 in the data


def test_parameters_of_another_data_set_are_refused_by_file(tmp_path: Path) -> None:
    settings = settings_of("cumulative_rating", epochs=1)
    with RunDirectory.create(tmp_path / "run") as run:
        settings.fit(judged_letters("rating"), run)
        with pytest.raises(ArtefactError, match=r"terms\.safetensors: parameters of other terms.*size mismatch"):
            settings.load_terms(judged_letters("rating", evaluators=5), run)


def test_judgements_that_weigh_nothing_are_refused(tmp_path: Path) -> None:
    data = with_pairs(judged_letters("comparison"))
    weightless = tuple(pair.model_copy(update={"weight": 0.0}) for pair in data.pairs["train"])
    with (
        RunDirectory.create(tmp_path / "run") as run,
        pytest.raises(RecipeError, match="judgements of the split 'train' weigh 0"),
    ):
        settings_of("bradley_terry").fit(replace(data, pairs={**data.pairs, "train": weightless}), run)


def test_a_coefficient_of_no_option_is_refused(tmp_path: Path) -> None:
    settings = settings_of("label_logistic", coefficients={"goood": 1})
    with (
        RunDirectory.create(tmp_path / "run") as run,
        pytest.raises(RecipeError, match=r"coefficients.goood: no such option.*good"),
    ):
        settings.fit(judged_letters("label"), run)


def test_a_split_that_says_nothing_is_refused_by_name(tmp_path: Path) -> None:
    data = judged_letters("rating")
    for kind, said in (("plackett_luce", "comparison or ranking"), ("demonstration", "demonstration")):
        with (
            RunDirectory.create(tmp_path / kind) as run,
            pytest.raises(RecipeError, match=f"'train' has no {said} to learn from"),
        ):
            settings_of(kind).fit(data, run)


def test_a_reader_of_ones_own_says_what_critiques_mean(tmp_path: Path) -> None:
    reader = tmp_path / "my_reader.py"
    reader.write_text("def read(sentences):\n    return [1.0 if 'good' in each else -1.0 for each in sentences]\n")
    settings = settings_of("critique", readers=["my_reader.py:read", "lexicon"]).anchored(tmp_path)
    assert settings.problems() == []
    data = judged_letters("critique")
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(data, run)
    assert agreement(judge, data) > 0.5
    missing = settings_of("critique", readers=["my_reader.py:reed"]).anchored(tmp_path)
    assert "no function 'reed'" in missing.problems()[0]
