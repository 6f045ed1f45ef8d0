"""The reproduction of one reward for many people: closed forms against brute force, what the arms find, the marks."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.artefacts import EVALUATORS as EVALUATORS_FILE
from accord.artefacts import SCORES, pairs_of
from accord.audit import AuditSettings, Evidence
from accord.audit.misspecification.one_reward import one_reward
from accord.lab.cell import CellResult
from accord.lab.exact_optimum.training import settings_of
from accord.lab.many_people import ONE_REWARD_MANY_PEOPLE, auditing
from accord.lab.many_people.annotation import AT, ITEMS, annotated
from accord.lab.many_people.auditing import HeldOutAnswers, accuracy_gap, pm2_fires
from accord.lab.many_people.cells import ARMS, FRONT, GROUPS, PANELS, work
from accord.lab.many_people.fronts import BETA, WEIGHTS, TwoGroups, fronts, table_of
from accord.lab.many_people.points import FrontPoint, MapPoint, PeoplePoint, Point
from accord.lab.many_people.policies import maxmin_weights, settled_reward
from accord.lab.mark import read_marks
from accord.lab.opposed_people import EVALUATORS, WANTED_2D, People
from accord.lab.tables import train_table
from accord.lab.trust.panel import gold_accuracy
from accord.records import Evaluator
from accord.run import RunDirectory


def test_opposed_people_order_about_half_of_the_pairs_alike_and_noisy_ones_agree_less() -> None:
    assert gold_accuracy(WANTED_2D[0], WANTED_2D[1]) == pytest.approx(0.53, abs=0.005)
    random = np.random.default_rng(0)
    people = People.draw(6, random)
    assert people.group_E.sum() == 6
    answered = people.answer(400, random)
    right_P = (answered.preferred_PD * WANTED_2D[people.group_E[answered.who_P]]).sum(1) > 0
    # the mean of sigmoid(|m|) over m from N(0, 8)
    assert right_P.mean() == pytest.approx(0.826, abs=0.01)
    noisy = People.draw(0, random, noisy=30, noise=4.0)
    answered = noisy.answer(400, random)
    right_P = answered.preferred_PD @ WANTED_2D[0] > 0
    assert right_P[noisy.noise_E[answered.who_P] > 1].mean() < right_P[noisy.noise_E[answered.who_P] == 1].mean() - 0.1


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_maxmin_is_the_best_of_all_policies_of_a_world_of_three_texts(seed: int) -> None:
    """Brute force over a grid of the simplex: nobody who gains least gains more, less the price of the KL."""
    random = np.random.default_rng(seed)
    ref_N, reward_2N, beta = random.dirichlet(np.ones(3) * 3), random.standard_normal((2, 3)), 0.5

    def optimum(weight_K: np.ndarray) -> np.ndarray:
        tilted_N = ref_N * np.exp((weight_K @ reward_2N) / beta)
        return np.asarray(tilted_N / tilted_N.sum())

    def objective(policy_GN: np.ndarray) -> np.ndarray:
        some_GN = np.maximum(policy_GN, 1e-300)
        return np.asarray((policy_GN @ reward_2N.T).min(1) - beta * (policy_GN * np.log(some_GN / ref_N)).sum(1))

    weight_K = maxmin_weights(lambda w_K: (reward_2N @ optimum(w_K)).tolist(), 2, steps=4000)
    found = float(objective(optimum(weight_K)[None])[0])
    side = np.linspace(0, 1, 201)
    first_G, second_G = (each.ravel() for each in np.meshgrid(side, side))
    inside_G = first_G + second_G <= 1
    grid_GN = np.stack([first_G, second_G, 1 - first_G - second_G], 1)[inside_G]
    best = float(objective(np.maximum(grid_GN, 0)).max())
    assert found == pytest.approx(best, abs=0.02)
    assert found <= best + 0.005  # the grid is within that of the best of all


def test_maxmin_of_opposed_rewards_leaves_out_what_they_differ_in() -> None:
    assert settled_reward(WANTED_2D) == pytest.approx(WANTED_2D.mean(0), abs=0.02)
    assert settled_reward(WANTED_2D[:1]) == pytest.approx(WANTED_2D[0])
    # nobody is opposed, but one group's reward is a quarter as large: all weight goes to it
    assert settled_reward(np.stack([WANTED_2D[0], WANTED_2D[0] / 4])) == pytest.approx(WANTED_2D[0] / 4, abs=0.05)


def test_a_table_gives_its_texts_their_probabilities_again() -> None:
    groups = TwoGroups.draw(5)
    for weight in (0.0, 0.4, 1.0):
        wanted_PN = groups.optimum(weight)
        table_PMA = table_of(groups.world, wanted_PN)
        torch.testing.assert_close(groups.world.logprob(table_PMA), wanted_PN)
        torch.testing.assert_close(table_PMA.exp().sum(-1), torch.ones_like(table_PMA[..., 0]))


def test_rewards_of_both_groups_are_of_one_size_and_half_shared() -> None:
    groups = TwoGroups.draw(6)
    ref_PN = groups.world.ref_PN.exp()
    for reward_PN in groups.reward_2PN:
        assert (ref_PN * reward_PN).sum(1).abs().max() < 1e-9
        assert ((ref_PN * reward_PN**2).sum(1) - 1).abs().max() < 1e-9
    assert (ref_PN * groups.reward_2PN.prod(0)).sum(1).abs().max() < 1e-9  # uncorrelated: half for, half against


def test_a_front_begins_and_ends_with_both_policies_and_nobody_is_above_training_again() -> None:
    points = list(fronts(7))
    of = {(point.how, point.weight): point for point in points if point.how != "maxmin"}
    for end in (0.0, 1.0):
        assert of["soup", end].gain == pytest.approx(of["retrained", end].gain)
        assert of["mixture", end].gain == pytest.approx(of["retrained", end].gain)
    for weight in WEIGHTS:
        objective = {
            how: weight * of[how, weight].gain[0] + (1 - weight) * of[how, weight].gain[1] - BETA * of[how, weight].kl
            for how in ("retrained", "soup", "mixture")
        }
        assert objective["soup"] <= objective["retrained"] + 1e-9
        assert objective["mixture"] <= objective["retrained"] + 1e-9
    firsts = [of["retrained", weight].gain[0] for weight in WEIGHTS]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(firsts))
    (best,) = (point for point in points if point.how == "maxmin")
    least = {weight: min(of["retrained", weight].gain) - BETA * of["retrained", weight].kl for weight in WEIGHTS}
    assert min(best.gain) - BETA * best.kl >= max(least.values()) - 0.01


def test_the_soup_of_trained_tables_is_that_of_the_optima() -> None:
    """By RLOO, the updates that train language models."""
    groups, beta = TwoGroups.draw(8), 1.0
    tables, exact = [], []
    for reward_PN in groups.reward_2PN:
        world = replace(groups.world, reward_PN=reward_PN)
        trained = settings_of("rloo", beta, 500).model_copy(update={"prompts_per_step": 2, "group_size": 128})
        tables.append(train_table(trained, world, seed=0).table_PMA.detach().double())
        exact.append(table_of(world, world.optimum(beta)))
    trained_PN, exact_PN = (groups.world.logprob(((pair[0] + pair[1]) / 2).log_softmax(-1)) for pair in (tables, exact))
    assert groups.world.kl(trained_PN, exact_PN) < 0.01
    assert groups.world.kl(groups.world.ref_PN, exact_PN) > 0.1


def panel(arm: str, seed: int, folder: Path) -> dict[tuple[str, str, str], float]:
    points = work(arm, seed, True, folder)
    return {(p.what, p.how, p.group): p.value for p in points if isinstance(p, PeoplePoint)}


def test_one_reward_does_not_serve_an_opposed_fifth_and_rewards_of_groups_do(tmp_path: Path) -> None:
    of = panel("opposed-20", 300, tmp_path)
    assert of["accuracy", "pooled", "minority"] < 0.7 < 0.9 < of["accuracy", "pooled", "majority"]
    for how in ("known", "found"):
        assert of["accuracy", how, "minority"] > 0.9
        assert of["accuracy", how, "majority"] > 0.95
        assert of["gain", f"maxmin of {how}", "minority"] > of["gain", "pooled", "minority"] + 0.5
    assert of["groups", "found", ""] == 2
    assert (of["PM2 fires", "", ""], of["gap fires", "", ""]) == (1, 1)


def test_people_who_are_only_noisier_set_off_the_gap_and_not_pm2(tmp_path: Path) -> None:
    of = panel("noisier-20", 300, tmp_path)
    assert (of["PM2 fires", "", ""], of["gap fires", "", ""]) == (0, 1)
    assert of["accuracy", "pooled", "majority"] > 0.97
    assert not any(group == GROUPS[1] for _, _, group in of)


def test_pm2_says_the_same_of_a_run_with_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(9)
    people = People.draw(12, random)
    answered = people.answer(20, random)
    handed: list[HeldOutAnswers] = []

    class Remembering(HeldOutAnswers):
        def __init__(self, *everything: object) -> None:
            super().__init__(*everything)  # type: ignore[arg-type]
            handed.append(self)

    monkeypatch.setattr(auditing, "HeldOutAnswers", Remembering)
    fires = pm2_fires(RunDirectory.create(tmp_path / "empty"), answered, WANTED_2D[0])
    (evidence,) = handed
    run = RunDirectory.create(tmp_path / "run")
    SCORES.write(run, evidence.scores("reward"), stage="reward")
    pairs_of("held_out").write(run, evidence.pairs("held_out"))
    EVALUATORS_FILE.write(run, evidence.evaluators.values())
    finding = one_reward.run(Evidence(run), AuditSettings())
    assert finding == one_reward.run(evidence, AuditSettings())
    assert (finding.verdict.value == "FIRES") == fires
    assert all(isinstance(each, Evaluator) for each in evidence.evaluators.values())


def test_the_gap_needs_both_sides() -> None:
    random = np.random.default_rng(10)
    people = People.draw(0, random)
    answered = people.answer(20, random)
    everybody = np.ones(EVALUATORS, dtype=bool)
    assert np.isnan(accuracy_gap(answered, WANTED_2D[0], everybody).value)
    some = np.arange(EVALUATORS) < 6
    gap = accuracy_gap(answered, WANTED_2D[0], some)
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low < 0.1
    assert gap.high > -0.1


def test_every_item_is_judged_once_before_any_is_judged_again_and_maps_get_better() -> None:
    random = np.random.default_rng(11)
    people = People.draw(18, random)
    points = annotated(people, people.answer(20, random), seed=12)
    of = {(point.how, point.answers): point.error for point in points}
    assert of["disagreement", ITEMS] == of["random", ITEMS]  # so far both did the same
    assert of["disagreement", 300] < of["random", 300] < of["random", 100]
    assert len({of["model alone", answers] for answers in AT}) == 1


def results() -> list[CellResult[Point]]:
    """Two seeds written out."""
    cells: list[CellResult[Point]] = []
    for arm in ARMS:
        for seed in range(2):
            points: list[Point] = []
            if arm in PANELS:
                opposed = arm.startswith("opposed") and arm != "opposed-0"
                points = [PeoplePoint(what="groups", how="found", value=2 if opposed else 1)]
                for group in GROUPS[: 2 if opposed else 1]:
                    minority = group == "minority"
                    rises = 0.1 if arm == "opposed-40" else 0.0
                    for how, value in (("pooled", 0.55 + rises if minority else 0.95), ("known", 0.97), ("found", 0.9)):
                        points.append(PeoplePoint(what="accuracy", how=how, group=group, value=value))
                    for how, gain in (("pooled", 0.5 if minority else 3.0), ("maxmin of known", 2.0)):
                        points.append(PeoplePoint(what="gain", how=how, group=group, value=gain))
                    points.append(PeoplePoint(what="gain", how="maxmin of found", group=group, value=1.5))
                    points.append(PeoplePoint(what="gain", how="own of known", group=group, value=4.0))
                points.append(PeoplePoint(what="PM2 fires", value=float(opposed)))
                if arm != "opposed-0":
                    points.append(PeoplePoint(what="gap fires", value=1.0))
            elif arm == FRONT:
                for how, bulge in (("retrained", 1.0), ("soup", 0.8), ("mixture", 0.0)):
                    for weight in WEIGHTS:
                        more = bulge * weight * (1 - weight)
                        gain = (3 * weight + more, 3 * (1 - weight) + more)
                        points.append(FrontPoint(how=how, weight=weight, gain=gain, kl=1.0))
                points.append(FrontPoint(how="maxmin", weight=0.5, gain=(1.75, 1.75), kl=1.0))
            else:
                for how, slope in (("disagreement", 2.0), ("random", 1.0), ("model alone", 0.0)):
                    points += [MapPoint(how=how, answers=n, error=0.4 - slope * 0.0002 * (n - 100)) for n in AT]
            cells.append(
                CellResult[Point](
                    name="one-reward-many-people",
                    short=False,
                    arm=arm,
                    seed=seed,
                    seconds=1.0,
                    measurements=tuple(points),
                )
            )
    return cells


def test_what_is_concluded_written_out() -> None:
    estimates = ONE_REWARD_MANY_PEOPLE.conclude(results())
    marks = read_marks("one-reward-many-people")
    assert {name for mark in marks for name in [mark.name] if "*" not in name} <= set(estimates)
    assert all(list(mark.matched(estimates)) for mark in marks)
    assert estimates["pooled-minority"].value == pytest.approx(0.55)
    assert estimates["pooled-rises"].value == pytest.approx(0.1)
    assert estimates["minority:found 30"].value == pytest.approx(0.9)
    assert estimates["majority-loss:found 30"].value == pytest.approx(0.05)
    assert estimates["one-group:opposed-0"].value == 1.0
    assert (estimates["pm2-fires:opposed-10"].value, estimates["pm2-quiet:noisier-20"].value) == (1.0, 0.0)
    assert estimates["worst:known 10"].value == pytest.approx(1.5)
    assert estimates["maxmin-kept:noisier-10"].value == pytest.approx(0.5)
    assert estimates["soup-concave"].value == pytest.approx(0.2)
    assert 0.9 < estimates["soup-share"].value < 1
    assert estimates["map-error"].value == pytest.approx(-0.04)
    assert estimates["map-answers"].value == pytest.approx(500 / 300)
    text = ONE_REWARD_MANY_PEOPLE.table(results())
    assert "| opposed-10 | 0.950 [0.950, 0.950] |" in text
    assert "| maxmin | 0.5 | 1.75" in text
    assert len(ONE_REWARD_MANY_PEOPLE.figure(results()).axes) == 6
