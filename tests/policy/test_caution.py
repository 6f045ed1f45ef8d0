"""Caution: limits, a closed form, order in b and q, what components and constraints mean with it, a step's learning."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.stats import norm

from accord.artefacts import CANDIDATES, SAMPLES, BestOfNCandidate, EvaluationSample
from accord.errors import TrainingStopped
from accord.interfaces import Scores
from accord.lm.loading import load
from accord.policy import GRPO, PPO, RLOO, BestOfN, Constraint, GroupSoup, MaxMin, certainty_equivalent
from accord.policy.materials import Materials
from accord.policy.online_trainer import OnlineTrainer, build_trainer
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset()
PROMPTS = DATA.prompts_of("train")
COMMON: dict[str, Any] = {
    "dtype": "float32",
    "max_steps": 4,
    "prompts_per_step": 3,
    "group_size": 4,
    "sampling": Sampling(max_tokens=8),
    "save_every": 2,
    "optim": Optim(lr=1e-3, warmup_steps=1, lr_schedule="constant"),
}
MEMBERS = st.lists(st.floats(-50, 50), min_size=1, max_size=8)


def doubtful(member_NS: np.ndarray[Any, Any], **more: Any) -> Scores:
    return Scores(member_NS.mean(1), member_NS.std(1, ddof=1), members_NS=member_NS, **more)


class Doubtful:
    """A judge whose two members agree on the letter b, and not at all on the letter a, of which the mean makes most."""

    name = "doubtful"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        a_N, b_N = (np.array([each.text.count(letter) for each in completions]) for letter in "ab")
        groups = {
            "sure": doubtful(np.stack([b_N / 4, b_N / 4], 1)),
            "unsure": doubtful(np.stack([2.0 * a_N, -1.0 * a_N], 1)),
            "rule": Scores(a_N.astype(np.float64)),
        }
        return doubtful(np.stack([b_N / 4 + 2.0 * a_N, b_N / 4 - 1.0 * a_N], 1), components=groups)


@given(MEMBERS, st.floats(1e-3, 1e3))
def test_it_lies_between_the_worst_and_the_mean_and_moves_with_the_scores(members: list[float], b: float) -> None:
    member_NS = np.array([members])
    found = certainty_equivalent(member_NS, b)[0]
    assert min(members) - 1e-9 <= found <= np.mean(members) + 1e-9
    assert certainty_equivalent(member_NS + 3.0, b)[0] == pytest.approx(found + 3.0, abs=1e-9)
    assert certainty_equivalent(2 * member_NS, 2 * b)[0] == pytest.approx(2 * found, abs=1e-9)


@given(MEMBERS)
def test_it_grows_with_b_from_the_worst_to_the_mean(members: list[float]) -> None:
    member_NS = np.array([members])
    found = [certainty_equivalent(member_NS, b)[0] for b in (0.0, 1e-300, 1e-6, 0.1, 1.0, 10.0, 1e9)]
    assert all(one <= other + 1e-6 for one, other in pairwise(found))
    assert found[0] == found[1] == min(members)
    assert found[-1] == pytest.approx(np.mean(members), abs=1e-5)


def test_at_the_largest_b_it_is_the_mean() -> None:
    """Where exp(-r / b) rounds to 1."""
    member_NS = np.array([[1.0, -1.0, 3.0], [0.25, 0.5, 0.75], [7.0, 7.0, 7.0]])
    for b in (1e9, 1e17, 1e300):
        assert certainty_equivalent(member_NS, b) == pytest.approx([1.0, 0.5, 7.0], abs=1e-8)


def test_two_members_have_a_closed_form() -> None:
    """m - b log cosh(d / b) for members m - d and m + d."""
    mean, gap, b = 0.3, 0.8, 0.5
    found = certainty_equivalent(np.array([[mean - gap, mean + gap]]), b)[0]
    assert found == pytest.approx(mean - b * np.log(np.cosh(gap / b)), abs=1e-12)


def test_many_normal_members_give_the_mean_less_the_variance_over_twice_b() -> None:
    mean, sd, b = 0.4, 0.3, 0.7
    integral, _ = quad(lambda r: norm.pdf(r, mean, sd) * np.exp(-r / b), -4, 5)
    assert -b * np.log(integral) == pytest.approx(mean - sd**2 / (2 * b), abs=1e-8)
    draw_S = mean + sd * norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert certainty_equivalent(draw_S[None], b)[0] == pytest.approx(mean - sd**2 / (2 * b), abs=1e-4)


def test_what_is_no_caution_is_refused() -> None:
    for bad in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="caution ="):
            certainty_equivalent(np.ones((2, 2)), bad)
        with pytest.raises(ValidationError):
            RLOO(caution=bad)
    with pytest.raises(ValueError, match="members of shape"):
        certainty_equivalent(np.ones((2, 0)), 1.0)
    with pytest.raises(ValidationError, match="two ways to say one thing"):
        RLOO(caution=1.0, caution_quantile=0.1)
    with pytest.raises(ValidationError):
        RLOO(caution_quantile=1.5)


@pytest.mark.parametrize("kind", [RLOO, PPO, GRPO])
@pytest.mark.parametrize("way", [{"caution": 0.5}, {"caution_quantile": 0.25}], ids=["caution", "quantile"])
def test_a_step_learns_from_the_cautious_score_and_logs_both(
    kind: Any, way: dict[str, float], start: Path, tmp_path: Path
) -> None:
    settings = kind(**COMMON, **way)
    with RunDirectory.create(tmp_path / "run") as run:
        trainer = trained(settings, run, start)
        rollout = trainer.generate_rollouts(1, old_logprobs=True)
        (row, *_), metrics = trainer.rows(rollout, 1), trainer.step_metrics(rollout, 1, NUMBERS)
    judged = Doubtful().score(PROMPTS, rollout.completions)
    assert judged.members_NS is not None
    if "caution" in way:
        wanted_B = certainty_equivalent(judged.members_NS, 0.5)
    else:
        wanted_B = np.quantile(judged.members_NS, 0.25, axis=1)
    penalty_B = settings.missing_eos_penalty * (~rollout.stopped_B).numpy()
    assert trainer.scores(rollout).numpy() == pytest.approx(wanted_B - penalty_B, abs=1e-5)
    assert row.reward == pytest.approx(judged.value_N[0], abs=1e-5)
    assert row.cautious_reward == pytest.approx(wanted_B[0], abs=1e-5)
    assert judged.std_N is not None
    assert row.reward_std == pytest.approx(judged.std_N[0], abs=1e-5)
    assert row.components is not None
    assert row.components["rule"].std is None
    assert row.components["unsure"].std == pytest.approx(judged.components["unsure"].std_N[0], abs=1e-5)  # type: ignore[index]
    assert metrics.reward == pytest.approx(judged.value_N.mean(), abs=1e-5)
    assert metrics.judge_std == pytest.approx(judged.std_N.mean(), abs=1e-5)
    assert metrics.cautious_reward == pytest.approx(wanted_B.mean(), abs=1e-5)


NUMBERS: dict[str, Any] = {"policy_loss": 0.0, "clip_frac": 0.0, "lr": 0.0, "grad_norm": 0.0}


def trained(settings: Any, run: RunDirectory, start: Path) -> OnlineTrainer:
    valued = {"valued": True} if isinstance(settings, PPO) else {}
    return build_trainer(settings, PROMPTS, Doubtful(), run, start=start, stage="policy", **valued)


def test_a_constraint_is_held_at_the_end_that_is_bad_for_it(start: Path, tmp_path: Path) -> None:
    """At least: the low end; at most: the high one; what has no members, as it is."""
    for limit, name, end in (("at_least", "unsure", "min"), ("at_most", "unsure", "max"), ("at_most", "rule", "value")):
        constraint = Constraint(component=name, **{limit: 0.0}, initial=1.0)  # type: ignore[arg-type]
        settings = RLOO(**COMMON, caution=0.0, constraints=(constraint,))
        with RunDirectory.create(tmp_path / f"{limit}-{name}") as run:
            trainer = trained(settings, run, start)
            rollout = trainer.generate_rollouts(1, old_logprobs=True)
            objective_B = trainer.objective(rollout).numpy()
            trainer.update_multipliers(rollout)
            multiplier = trainer.state["multipliers"][name]
        judged = Doubtful().score(PROMPTS, rollout.completions)
        component = judged.components[name]
        value_B = component.value_N if end == "value" else getattr(component.members_NS, end)(1)
        sign = 1 if limit == "at_least" else -1
        assert judged.members_NS is not None
        assert objective_B == pytest.approx(judged.members_NS.min(1) + sign * value_B, abs=1e-5)
        assert multiplier == pytest.approx(max(0.0, 1.0 - 0.1 * sign * value_B.mean()), abs=1e-5)


def test_each_group_counts_by_its_own_members(start: Path, tmp_path: Path) -> None:
    settings = RLOO(**COMMON, caution=0.0, maxmin=MaxMin(groups=("sure", "unsure"), rate=0.5))
    with RunDirectory.create(tmp_path / "run") as run:
        trainer = trained(settings, run, start)
        rollout = trainer.generate_rollouts(1, old_logprobs=True)
        objective_B = trainer.objective(rollout).numpy()
        trainer.update_multipliers(rollout)
        weights = trainer.state["groups"]
    components = Doubtful().score(PROMPTS, rollout.completions).components
    sure_B, unsure_B = (components[name].members_NS.min(1) for name in ("sure", "unsure"))  # type: ignore[union-attr]
    assert objective_B == pytest.approx((sure_B + unsure_B) / 2, abs=1e-5)
    odds = np.exp(-0.5 * (unsure_B.mean() - sure_B.mean()))
    assert weights["unsure"] / weights["sure"] == pytest.approx(odds, rel=1e-4)


def test_a_judge_that_has_no_members_is_refused(start: Path, tmp_path: Path) -> None:
    rule = MaxMin(groups=("sure", "rule"))
    cases: list[tuple[Any, Any, str]] = [
        (RLOO(**COMMON, caution=1.0), LetterJudge(), "the judge has no members"),
        (RLOO(**COMMON, caution=1.0, maxmin=rule), Doubtful(), "the component 'rule' of the judge's score has no"),
        (GroupSoup(**COMMON, caution=1.0, components=("sure", "rule")), Doubtful(), "the judge has no members"),
        (BestOfN(dtype="float32", n=2, caution=1.0), LetterJudge(), "the judge 'letters' has no members"),
    ]
    for number, (settings, judge, said) in enumerate(cases):
        with RunDirectory.create(tmp_path / str(number)) as run, pytest.raises(TrainingStopped, match=said):
            list(settings.steps(Materials(prompts=PROMPTS, judge=judge, start=start), run))


def test_without_caution_the_doubtful_is_learnt_and_with_it_the_sure(start: Path, tmp_path: Path) -> None:
    common = {**COMMON, "max_steps": 12, "group_size": 8, "kl_coef": 0.0}
    shares = {}
    for name, more in (("mean", {}), ("worst", {"caution": 0.0})):
        with RunDirectory.create(tmp_path / name) as run:
            list(RLOO(**common, **more).steps(Materials(prompts=PROMPTS, judge=Doubtful(), start=start), run))
            last = [row.text for row in SAMPLES.read(run, "policy") if row.step > 8]
        shares[name] = np.mean([text.count("a") for text in last]) / np.mean([len(text) for text in last])
    assert shares["mean"] > shares["worst"] + 0.2


def test_a_stage_goes_on_with_the_same_cautious_scores(start: Path, tmp_path: Path) -> None:
    settings = RLOO(**COMMON, caution=0.3)
    materials = Materials(prompts=PROMPTS, judge=Doubtful(), start=start)
    with RunDirectory.create(tmp_path / "whole") as run:
        list(settings.steps(materials, run))
        whole = [row.cautious_reward for row in SAMPLES.read(run, "policy")]
        wanted = load(run.verified("policy/model")).model.state_dict()
    with RunDirectory.create(tmp_path / "cut") as run:
        cut = settings.steps(materials, run)
        for _ in range(3):
            next(cut)
        cut.close()  # type: ignore[attr-defined]  # a generator
        list(settings.steps(materials, run))
        assert [row.cautious_reward for row in SAMPLES.read(run, "policy")] == whole
        found = load(run.verified("policy/model")).model.state_dict()
    assert all((found[name] == value).all() for name, value in wanted.items())


def test_best_of_n_chooses_by_the_cautious_score(start: Path, tmp_path: Path) -> None:
    settings = BestOfN(dtype="float32", n=4, caution=0.0, sampling=Sampling(max_tokens=8), epochs=0.1)
    with RunDirectory.create(tmp_path / "run") as run:
        list(settings.steps(Materials(prompts=PROMPTS, judge=Doubtful(), start=start), run))
        rows = [row for row in CANDIDATES.read(run, "policy") if isinstance(row, BestOfNCandidate)]
    assert all(row.cautious_reward is not None and row.cautious_reward <= row.reward for row in rows)
    for group in {row.group for row in rows}:
        ended = [row for row in rows if row.group == group and row.finish_reason != "length"]
        chosen = next(row for row in rows if row.group == group and row.chosen)
        if ended:
            assert chosen.cautious_reward == max(row.cautious_reward for row in ended)


def test_the_optimum_is_that_of_the_cautious_score() -> None:
    def sample(index: int) -> EvaluationSample:
        return EvaluationSample(
            arm="start",
            index=index,
            prompt="p",
            text="x",
            token_ids=(1,),
            rollout_logprobs=(0.0,),
            logprobs=(0.0,),
            reference_logprobs=(0.0,),
            finish_reason="stop",
            temperature=1.0,
            eval_reward=0.0,
            reward=0.0,
            cautious_reward=float(index % 2),
        )

    sampling = Sampling(max_tokens=8)
    start = [sample(index) for index in range(400)]
    plain = RLOO(**COMMON, kl_coef=0.5).kl_objective
    cautious = RLOO(**COMMON, kl_coef=0.5, caution=1.0).kl_objective
    assert plain is not None
    assert cautious is not None
    zero, found = plain.optimum(start, sampling), cautious.optimum(start, sampling)
    assert zero is not None
    assert found is not None
    assert zero.kl.value == pytest.approx(0.0, abs=1e-9)
    p = 1 / (1 + np.exp(-1 / 0.5))  # the weight of the better half
    assert found.kl.value == pytest.approx(np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p), abs=0.01)
