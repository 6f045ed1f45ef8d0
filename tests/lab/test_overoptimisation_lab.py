"""The reproduction of over-optimisation: closed forms against brute force, cures, the alarm, and what is concluded."""

from itertools import combinations, product
from math import inf, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts import JUDGED_ROLLOUTS, JudgedRollout
from accord.artefacts.finding import Verdict
from accord.audit import AuditSettings, Evidence
from accord.audit.reward.overoptimisation import turnover
from accord.lab.cell import CellResult
from accord.lab.mark import read_marks
from accord.lab.overoptimisation import OVER_OPTIMISATION
from accord.lab.overoptimisation.alarm import RolloutsSoFar, first_alarm
from accord.lab.overoptimisation.ascent import ascend
from accord.lab.overoptimisation.best_of_n import kl_of_best
from accord.lab.overoptimisation.cells import ARMS, LARGEST_N, work
from accord.lab.overoptimisation.curves import Curves
from accord.lab.overoptimisation.laws import aic_difference, fit_law
from accord.lab.overoptimisation.points import AlarmPoint, CurvePoint, Point
from accord.lab.overoptimisation.proxies import fit_proxy, start_features
from accord.lab.overoptimisation.report import in_time, lead, share_kept
from accord.lab.overoptimisation.tilting import tilted, tilts
from accord.lab.trap_world import TrapWorld, reaching, with_squares
from accord.lab.worlds import GaussWorld, Normal
from accord.policy.best_of_n import best_of, best_of_kl
from accord.run import RunDirectory

numbers = st.lists(st.integers(0, 3).map(float), min_size=3, max_size=6)


@given(numbers, st.integers(1, 3))
def test_the_order_statistic_estimator_is_the_mean_over_every_choice(scores: list[float], n: int) -> None:
    """Ties are broken by lot, so every text of the best score counts alike."""
    value_N = np.arange(len(scores), dtype=float) ** 2
    score_N = np.array(scores)

    def of_choice(rows: tuple[int, ...]) -> float:
        best = [row for row in rows if score_N[row] == max(score_N[list(rows)])]
        return float(np.mean(value_N[best]))

    every = [of_choice(rows) for rows in combinations(range(len(scores)), n)]
    assert best_of(score_N, value_N, n) == pytest.approx(np.mean(every))


@given(numbers, st.integers(1, 4))
def test_the_kl_of_best_of_n_is_that_of_every_draw_and_below_its_bound(scores: list[float], n: int) -> None:
    """Brute force: all draws with replacement, ties broken by lot."""
    size = len(scores)
    chosen_N = np.zeros(size)
    for rows in product(range(size), repeat=n):
        best = [row for row in rows if scores[row] == max(scores[row] for row in rows)]
        for row in best:
            chosen_N[row] += 1 / len(best) / size**n
    kl = float(chosen_N[chosen_N > 0] @ np.log(chosen_N[chosen_N > 0] * size))
    found = kl_of_best(np.array(scores), n)
    assert found == pytest.approx(kl, abs=1e-9)
    assert found <= best_of_kl(n) + 1e-12


def test_the_bound_of_the_kl_is_reached_where_no_score_comes_twice() -> None:
    score_A = np.random.default_rng(0).standard_normal(16_384)
    assert kl_of_best(score_A, 64) == pytest.approx(log(64) - 63 / 64, abs=0.01)
    halves = kl_of_best(np.array([0.0, 1.0]), 2, np.array([3.0, 1.0]))
    assert halves == pytest.approx(9 / 16 * log(9 / 12) + 7 / 16 * log(7 / 4))


def test_expected_gold_is_that_of_many_texts() -> None:
    random = np.random.default_rng(1)
    world = TrapWorld.draw(random)
    policy = Normal(np.array([0.2, -0.4, 0.1, 0.5, 0.9]), np.array([1.0, 0.5, 1.2, 0.8, 0.6]))
    drawn = world.gold(policy.sample(400_000, random)).mean()
    assert world.expected(policy) == pytest.approx(drawn, abs=0.006)
    plain = TrapWorld(world.weight_Q, trapped=False)
    assert plain.expected(policy) == pytest.approx(float(policy.mean_D[:4] @ world.weight_Q) + 0.9)


@pytest.mark.parametrize("curvatures", [(), (0.3, -0.2, 0.1, 0.0, -0.4)])
@pytest.mark.parametrize("kl", [0.01, 1.0, 9.0])
def test_the_tilt_at_a_kl_has_that_kl_and_no_other_has_more_score(curvatures: tuple[float, ...], kl: float) -> None:
    score = GaussWorld(weights=(0.5, -0.2, 0.1, 0.0, 0.7), curvatures=curvatures)
    beta, policy = tilted(score, kl)
    assert policy.kl == pytest.approx(kl, rel=1e-6)
    random = np.random.default_rng(2)
    for _ in range(200):
        other = Normal(
            policy.mean_D + 0.1 * random.standard_normal(5), policy.std_D * np.exp(0.1 * random.standard_normal(5))
        )
        assert score.objective(other, beta) <= score.objective(policy, beta) + 1e-9
    with pytest.raises(ValueError, match="moves no policy"):
        tilted(GaussWorld(weights=(0.0, 0.0)), 1.0)


def test_reweighting_finds_what_the_closed_form_knows() -> None:
    world = TrapWorld.draw(np.random.default_rng(3))
    score = GaussWorld(weights=(0.3, -0.2, 0.4, 0.1, 0.6), curvatures=(0.1, -0.1, 0.2, 0.0, -0.15))
    kls = [0.25, 1.0, 2.25, 4.0, 6.25, 9.0]
    for tilt, kl in zip(tilts(score.reward, world, kls, seed=4), kls, strict=True):
        policy = tilted(score, kl)[1]
        assert tilt.score == pytest.approx(score.expected(policy), abs=0.1)
        assert tilt.gold == pytest.approx(world.expected(policy), abs=0.1)
        assert tilt.effective > 500


def test_scores_of_a_proxy_are_less_their_mean_over_the_start() -> None:
    random = np.random.default_rng(5)
    world = TrapWorld.draw(random)
    compared = list(world.compared(reaching(1.0), 400, random))
    proxy = fit_proxy("quadratic", compared, 0, doubt=True)
    number_AD = random.standard_normal((50_000, 5))
    assert with_squares(number_AD).mean(0) == pytest.approx(start_features("quadratic"), abs=0.03)
    assert start_features("linear").tolist() == [0.0] * 5
    score = {name: proxy.score(name)(number_AD) for name in ("plain", "mean", "worst", "variance", "posterior")}
    assert score["plain"].mean() == pytest.approx(0, abs=0.03)
    assert (score["worst"] <= score["mean"] + 1e-12).all()
    assert (score["variance"] <= score["mean"] + 1e-12).all()
    assert (score["posterior"] <= score["plain"] + 1e-9).all()
    closed = proxy.in_closed_form("plain")
    assert closed is not None
    assert np.ptp(closed.reward(number_AD) - score["plain"]) == pytest.approx(0, abs=1e-9)
    assert proxy.in_closed_form("worst") is None
    with pytest.raises(ValueError, match="no score is called 'best'"):
        proxy.score("best")(number_AD)
    with pytest.raises(ValueError, match="no draws of the posterior"):
        fit_proxy("linear", compared, 0).score("posterior")


def test_the_laws_are_found_again_and_know_their_peaks() -> None:
    d_N = np.linspace(0, 3, 31)
    best = fit_law(d_N, d_N * (1.2 - 0.4 * d_N), "best-of-n")
    assert (best.alpha, best.beta, best.r_squared, best.peak) == pytest.approx((1.2, 0.4, 1.0, 1.5))
    used_N = d_N[1:]
    rl = fit_law(d_N, np.append(0.0, used_N * (0.9 - 0.7 * np.log(used_N))), "rl")
    assert (rl.alpha, rl.beta, rl.peak) == pytest.approx((0.9, 0.7, np.exp(0.9 / 0.7 - 1)))
    noisy_N = d_N * (1.2 - 0.4 * d_N) + 0.01 * np.random.default_rng(0).standard_normal(31)
    assert aic_difference(fit_law(d_N, noisy_N, "best-of-n"), fit_law(d_N, noisy_N, "rl")) < -20
    assert fit_law(d_N, d_N * (1 + 0.1 * d_N), "best-of-n").peak == inf
    assert fit_law(d_N, -d_N * (1 + d_N), "best-of-n").peak == 0.0
    with pytest.raises(ValueError, match="needs three points"):
        fit_law(d_N[:3], d_N[:3], "rl")


def test_a_policy_held_by_a_kl_term_stays_and_one_that_is_not_goes_on() -> None:
    score = GaussWorld(weights=(0.3, 0.0, 0.0, 0.0, 0.4))
    beta, optimum = tilted(score, 1.0)
    held, free = ascend(score, beta, 200), ascend(score, 0.0, 200)
    assert held[-1].mean_D == pytest.approx(optimum.mean_D, abs=0.06)
    assert held[-1].kl == pytest.approx(1.0, abs=0.1)
    assert [policy.kl for policy in free] == sorted(policy.kl for policy in free)
    assert free[-1].kl == pytest.approx((200 * 0.05) ** 2 / 2)


def rows_of(gold_S: list[float], seed: int = 0) -> list[JudgedRollout]:
    draw = np.random.default_rng(seed)
    return [
        JudgedRollout(
            step=step,
            index=index,
            prompt=f"p{index % 20}",
            reward=0.0,
            eval_reward=float(value + draw.normal(0, 0.5)),
            kl=float((0.1 * step) ** 2 + draw.normal(0, 0.1)),
        )
        for step, value in enumerate(gold_S)
        for index in range(100)
    ]


def test_the_alarm_is_what_the_audit_says_of_a_run_with_these_files(tmp_path: Path) -> None:
    rows = rows_of([0.2 * step * (1 - step / 20) for step in range(21)])
    run = RunDirectory.create(tmp_path / "run")
    JUDGED_ROLLOUTS.write(run, rows)
    of_files = turnover.run(Evidence(run), AuditSettings())
    empty = RunDirectory.create(tmp_path / "empty")
    assert turnover.run(RolloutsSoFar(empty, rows), AuditSettings()) == of_files
    assert of_files.verdict is Verdict.FIRES
    assert turnover.run(Evidence(empty), AuditSettings()).verdict is Verdict.NOT_ASSESSABLE


def test_the_alarm_fires_where_gold_falls_and_never_where_it_rises() -> None:
    world = TrapWorld(np.array([0.3, 0.3, 0.3, 0.3]))
    along = [Normal(np.array([0, 0, 0, 0, 0.08 * step]), np.ones(5)) for step in range(61)]
    away = [Normal(np.array([0.08 * step, 0, 0, 0, 0]), np.ones(5)) for step in range(61)]
    alarm = first_alarm(along, world, 0, rollouts=100).step
    assert alarm is not None
    assert 9 < alarm < 35  # the peak is at h = .7
    assert first_alarm(away, world, 0, rollouts=100).step is None


def found(arm: str, seed: int, folder: Path) -> dict[tuple[str, str, str], CurvePoint]:
    """The curves of the short form, by reward, score and optimiser."""
    points = [point for point in work(arm, seed, True, folder) if isinstance(point, CurvePoint)]
    return {(point.reward, point.score, point.optimiser): point for point in points}


def test_in_the_trap_the_reward_rises_while_gold_turns_and_doubt_helps(tmp_path: Path) -> None:
    of = found("narrow-1000", 300, tmp_path)
    for (_, _, optimiser), point in of.items():
        if optimiser in {"rl", "best-of-n"}:
            assert np.all(np.diff(point.score_gain) > -1e-3)
            assert np.all(np.diff(point.kl) > 0)
        if point.effective is not None:
            assert point.effective > 200
    for optimiser in ("rl", "best-of-n"):
        plain = of["linear", "plain", optimiser].gold
        assert max(plain) > 0.2 > 0 > plain[-1]
        assert of["quadratic", "posterior", optimiser].gold[-1] > 1 > 0 > of["quadratic", "plain", optimiser].gold[-1]
    assert of["linear", "plain", "without-kl"].gold[-1] < -10
    assert of["linear", "plain", "with-kl"].gold[-1] > 0.2


def test_comparing_again_at_the_peak_shows_the_turn(tmp_path: Path) -> None:
    assert found("recollected-1000", 300, tmp_path)["quadratic", "plain", "rl"].gold[-1] > 1.5


def test_without_a_trap_gold_only_rises(tmp_path: Path) -> None:
    points = work("healthy-1000", 301, True, tmp_path)
    for point in points:
        if isinstance(point, CurvePoint):
            assert (
                point.gold[-1] > 0.95 * max(point.gold) > 2
            )  # the best of 1,024 rests on few choices in the short form
        else:
            assert (point.alarm, point.lost, point.peak) == (None, None, 60)


def curve(reward: str, score: str, optimiser: str, gold: tuple[float, ...]) -> CurvePoint:
    kl = tuple((0.5 * place) ** 2 for place in range(len(gold)))
    return CurvePoint(
        reward=reward,
        score=score,
        optimiser=optimiser,
        kl=kl,
        score_gain=kl,
        gold=gold,
        entropy=kl,  # type: ignore[arg-type]
    )


TURNS, RISES = (0.0, 0.8, 1.0, 0.6, 0.2), (0.0, 0.5, 1.0, 1.5, 2.0)


def results() -> list[CellResult[Point]]:
    """Two seeds written out."""
    cells = []
    for arm, settings in ARMS.items():
        gold = {"narrow-150": (0.0, 0.4, 0.5, 0.4, 0.1)}.get(arm, TURNS if arm.startswith("narrow") else RISES)
        for seed in range(2):
            points: list[Point] = []
            for reward in ("linear", "quadratic"):
                for score in settings.scores:
                    cautious = score in {"worst", "variance", "posterior"}
                    for optimiser in ("best-of-n", "rl"):
                        points.append(curve(reward, score, optimiser, RISES if cautious else gold))
                if settings.ascent:
                    points += [curve(reward, "plain", name, gold) for name in ("with-kl", "without-kl")]
                for rollouts in settings.rollouts:
                    lost = None if arm.startswith("healthy") else 30
                    alarm = None if lost is None else (27 if seed else 33)
                    points.append(
                        AlarmPoint(reward=reward, rollouts=rollouts, alarm=alarm, peak=20, lost=lost, left=0.7)
                    )
            cells.append(
                CellResult[Point](
                    name="overoptimisation", short=False, arm=arm, seed=seed, seconds=1.0, measurements=tuple(points)
                )
            )
    return cells


def test_what_is_concluded_written_out() -> None:
    estimates = OVER_OPTIMISATION.conclude(results())
    assert {mark.name for mark in read_marks("overoptimisation")} <= set(estimates)
    assert estimates["best-of-n-kept"].value == pytest.approx(0.2)
    assert estimates["healthy-rl-kept"].value == pytest.approx(1.0)
    assert estimates["rl-lost-worst"].value == pytest.approx(0.0)
    assert estimates["mean-kept"].value == pytest.approx(0.2)
    assert estimates["peak-linear"].value == pytest.approx(0.5)
    assert estimates["later-linear"].value == pytest.approx(0.0)
    assert estimates["recollected-gain-linear"].value == pytest.approx(1.8)
    assert estimates["without-kl"].value == 0.0
    assert estimates["alarm-in-time"].value == pytest.approx(0.5)
    assert estimates["alarm-control"].value == 0.0
    assert OVER_OPTIMISATION.table(results()).startswith("| comparisons | reward | optimised by |")
    assert "| narrow-1000 | linear | 100 | 2 of 2 | 1 of 2 | 0 | 2 of 2 | 0.0" in OVER_OPTIMISATION.table(results())
    assert len(OVER_OPTIMISATION.figure(results()).axes) == 6


def test_an_alarm_that_never_comes_is_not_in_time_and_has_no_lead() -> None:
    never = AlarmPoint(reward="linear", rollouts=100, peak=20, lost=30)
    late = AlarmPoint(reward="linear", rollouts=100, peak=20, lost=30, alarm=30)
    assert not in_time(never)
    assert not in_time(late)
    assert lead([never]) is None
    assert lead([late, late.model_copy(update={"alarm": 20})]) is not None
    flat = Curves(np.array([0.0, 1.0]), np.zeros((3, 2)), np.zeros((3, 2)))
    assert np.isnan(share_kept(flat).value)
    assert LARGEST_N[-1] == 1024
