"""The reproduction of trust: the panel, the closed form of gold accuracy, what is concluded, and other seeds."""

import json
from pathlib import Path

import numpy as np
import pytest

from accord.cli import run
from accord.errors import RecipeError
from accord.lab.cell import CellResult
from accord.lab.reproduce import read_seeds
from accord.lab.trust import TRUST_BY_VOTES
from accord.lab.trust.cells import TrustPoint, work
from accord.lab.trust.panel import Panel, gold_accuracy


def test_every_evaluator_compares_sixty_pairs_and_every_pair_has_five() -> None:
    panel = Panel.draw(7)
    assert np.bincount(panel.who_PK.ravel()).tolist() == [60] * 40
    assert all(len(set(of_pair)) == 5 for of_pair in panel.who_PK.tolist())
    assert abs(float(panel.truth_D @ panel.other_D)) < 1e-12


def test_gold_accuracy_is_the_share_of_pairs_that_two_rewards_order_alike() -> None:
    random = np.random.default_rng(0)
    one_D, other_D = random.standard_normal((2, 6))
    difference_ND = random.standard_normal((100_000, 6))
    alike = np.mean((difference_ND @ one_D > 0) == (difference_ND @ other_D > 0))
    assert gold_accuracy(one_D, other_D) == pytest.approx(alike, abs=0.005)
    assert gold_accuracy(one_D, one_D) == pytest.approx(1.0)


def test_weights_bring_back_what_a_fifth_at_random_costs(tmp_path: Path) -> None:
    (point,) = work("careless-20", 501, False, tmp_path)
    assert point.used
    assert (point.careless, point.right) == (8, point.flagged)
    assert point.right >= 6
    assert point.unweighted < point.weighted <= point.attentive + 0.005


def test_an_opposed_fifth_is_seen_and_loses_nothing(tmp_path: Path) -> None:
    (point,) = work("opposed-20", 502, False, tmp_path)
    assert (point.minority_flagged, point.other_view, point.flagged) == (0, 8, 0)
    assert point.minority_weighted == point.minority_unweighted
    assert point.minority_unweighted == pytest.approx(1 - point.unweighted)


def point(attentive: float, unweighted: float, weighted: float, **fields: object) -> TrustPoint:
    counts = {"careless": 8, "flagged": 7, "right": 7, "minority_flagged": 0, "other_view": 0, "used": True}
    return TrustPoint(attentive=attentive, unweighted=unweighted, weighted=weighted, **(counts | fields))


def test_what_is_concluded_written_out() -> None:
    minority = {"careless": 0, "flagged": 0, "right": 0, "minority_unweighted": 0.1, "minority_weighted": 0.1}
    by_arm = {
        "careless-0": [point(0.9, 0.9, 0.9, careless=0, flagged=0, right=0)] * 3,
        "careless-20": [point(0.9, 0.8, 0.88), point(0.9, 0.8, 0.86), point(0.9, 0.8, 0.87, flagged=9)],
        "careless-50": [point(0.9, 0.7, 0.8, careless=20)] * 3,
        "opposed-10": [point(0.9, 0.8, 0.8, **minority)] * 3,
        "opposed-20": [point(0.9, 0.8, 0.8, **(minority | {"minority_flagged": 1}))] * 3,
    }
    results = [
        CellResult[TrustPoint](name="trust", short=False, arm=arm, seed=seed, seconds=1.0, measurements=(of_seed,))
        for arm, of_arm in by_arm.items()
        for seed, of_seed in enumerate(of_arm)
    ]
    estimates = TRUST_BY_VOTES.conclude(results)
    assert estimates["cost-careless-20"].value == pytest.approx(0.3)
    assert estimates["cost-careless-50"].value == pytest.approx(0.5)
    assert estimates["gain-careless-20"].value == pytest.approx(-0.07)
    assert -0.07 < (estimates["gain-careless-20"].high or 0) < 0
    assert estimates["wrongly-flagged"].value == pytest.approx(2 / 44)
    assert estimates["missed-careless-20"].value == pytest.approx(1 / 8)
    assert (estimates["flagged-opposed-10"].value, estimates["flagged-opposed-20"].value) == (0.0, 1.0)
    assert estimates["loss-opposed-10"].value == pytest.approx(0.0)
    assert TRUST_BY_VOTES.table(results).count("\n") == 6
    assert len(TRUST_BY_VOTES.figure(results).axes[0].lines) == 6


def test_seeds_are_the_readers_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {cell.seed for cell in TRUST_BY_VOTES.on_seeds(read_seeds("40:43")).cells(False)} == {40, 41, 42}
    for text in ("5", "5:5", "a:b", "-1:3"):
        with pytest.raises(RecipeError, match="not A:B"):
            read_seeds(text)
    words = ["lab", "run", "exact-optimum", "--short", "--json", "--processes", "1", "--out", str(tmp_path)]
    assert run([*words, "--seeds", "7:6"]) == 2
    assert "--seeds 7:6: not A:B" in capsys.readouterr().err


@pytest.mark.slow
def test_marks_are_met_on_seeds_that_nothing_was_chosen_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By their values: the ends of intervals of so few seeds may lie beyond."""
    assert run(["lab", "run", "trust", "--json", "--seeds", "900:904", "--out", str(tmp_path)]) == 0
    marks = json.loads(capsys.readouterr().out)["marks"]
    missed = {mark["claim"]: mark["estimate"]["value"] for mark in marks if mark["estimate"]["value"] >= mark["mark"]}
    assert missed == {}
