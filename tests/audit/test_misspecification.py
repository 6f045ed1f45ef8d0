"""PM2 by its parts: the score test has the size it claims, a recorded group is judged, kinds are found."""

from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of
from scipy.special import expit

from accord.artefacts import EVALUATORS, SCORES, ScoreRow, pairs_of
from accord.artefacts.finding import Finding, Verdict
from accord.audit.misspecification.answers import Answers, independent
from accord.audit.misspecification.bradley_terry import fit
from accord.audit.misspecification.rao_score import score_test
from accord.records import Evaluator, Pair
from accord.run import RunDirectory

TEXTS = 200


def compared(
    path: Path,
    weights: list[tuple[float, float]],
    *,
    pairs: int,
    seed: int,
    groups: list[str] | None = None,
    blocks: int = 1,
) -> Finding:
    """PM2 on Bradley-Terry choices of evaluators with these weights on score and length, each of one block of texts."""
    random = np.random.default_rng(seed)
    feature_N2 = random.normal(size=(TEXTS, 2))
    rows, people = [], []
    for number, weight in enumerate(weights):
        attributes = None if groups is None else {"group": groups[number]}
        who = Evaluator(kind="simulated", pseudonym=f"e{number}", attributes=attributes)
        people.append(who)
        own = np.arange(TEXTS)[number % blocks :: blocks]
        order = random.permutation(own)[: 2 * pairs].reshape(-1, 2)
        for i, j in order:
            left = random.random() < expit((feature_N2[i] - feature_N2[j]) @ np.array(weight))
            chosen, rejected = (i, j) if left else (j, i)
            rows.append(Pair(prompt="p", chosen=f"c{chosen}", rejected=f"c{rejected}", evaluator=who.id))
    with RunDirectory.create(path) as run:
        lengths = np.round(1e6 * feature_N2[:, 1]).astype(int)  # whole tokens, of which only the spread matters
        scores = [
            ScoreRow(completion=f"c{i}", prompt="p", score=float(score), length=int(length))
            for i, (score, length) in enumerate(zip(feature_N2[:, 0], lengths, strict=True))
        ]
        SCORES.write(run, scores, stage="reward")
        EVALUATORS.write(run, people)
        pairs_of("held_out").write(run, rows)
        return finding_of("PM2 one reward", run)


def test_the_score_test_has_the_size_it_claims(tmp_path: Path) -> None:
    """Under one reward p is uniform: its mean lies within three standard errors of a half."""
    chances = [
        compared(tmp_path / str(seed), [(1.5, 0.0)] * 20, pairs=40, seed=seed).facts["score test, p"].value
        for seed in range(20)
    ]
    assert np.mean(chances) == pytest.approx(0.5, abs=3 / (12 * 20) ** 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_one_reward_is_quiet(seed: int, tmp_path: Path) -> None:
    """80 pairs each leave it open now and then; what they never do is fire."""
    verdict = compared(tmp_path / "run", [(1.5, 0.3)] * 40, pairs=80, seed=seed).verdict
    assert verdict is (Verdict.INCONCLUSIVE if seed == 2 else Verdict.QUIET)


@pytest.mark.parametrize("seed", range(3))
def test_one_in_ten_who_wants_the_opposite_fires(seed: int, tmp_path: Path) -> None:
    found = compared(tmp_path / "run", [(1.5, 0.3)] * 54 + [(-1.5, 0.3)] * 6, pairs=80, seed=seed)
    assert found.verdict is Verdict.FIRES
    assert found.estimate is not None
    assert found.estimate == found.facts["kind 1 of 2"]
    assert "kind 1 of 2" in found.result
    assert found.facts["score test, p"].value < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_one_in_ten_who_is_four_times_noisier_does_not(seed: int, tmp_path: Path) -> None:
    found = compared(tmp_path / "run", [(2.0, 0.3)] * 54 + [(0.5, 0.075)] * 6, pairs=80, seed=seed)
    assert found.facts["score test, p"].value < 0.05  # they are not as the others, which the score test sees
    assert found.verdict is not Verdict.FIRES


def test_two_halves_that_want_opposites_fire(tmp_path: Path) -> None:
    found = compared(tmp_path / "run", [(1.5, 0.0)] * 20 + [(-1.5, 0.0)] * 20, pairs=80, seed=0)
    assert found.verdict is Verdict.FIRES


def test_recorded_groups_are_judged_by_name(tmp_path: Path) -> None:
    groups = ["north"] * 32 + ["south"] * 8
    found = compared(tmp_path / "run", [(1.5, 0.0)] * 32 + [(-1.5, 0.0)] * 8, pairs=80, seed=0, groups=groups)
    assert found.verdict is Verdict.FIRES
    assert found.facts["group = south"].value > 0.2
    assert found.facts["group = north"].value == pytest.approx(0.0, abs=0.05)


def test_a_group_that_wants_what_all_want_gains_nothing(tmp_path: Path) -> None:
    found = compared(tmp_path / "run", [(1.5, 0.3)] * 40, pairs=80, seed=1, groups=["north", "south"] * 20)
    assert found.verdict is Verdict.QUIET
    assert found.facts["group = south"].value == pytest.approx(0.0, abs=0.03)


def test_people_who_each_answered_about_a_few_texts_alone_cannot_be_told_apart(tmp_path: Path) -> None:
    """As of a crowd whose batches of texts had people of their own: what is learnt of one half is tested on nobody."""
    finding = compared(tmp_path / "run", [*[(3.0, 0.0)] * 40, *[(-3.0, 0.0)] * 8], pairs=24, seed=3, blocks=4)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "both halves of the texts" in finding.needs
    assert finding.collect is not None


def test_few_pairs_of_unsure_people_still_have_a_verdict(tmp_path: Path) -> None:
    """Nobody is surely of a kind."""
    assert compared(tmp_path / "run", [(0.4, 0.3)] * 12, pairs=20, seed=0).verdict is not Verdict.NOT_ASSESSABLE


def test_what_all_see_in_a_text_is_no_disagreement() -> None:
    """Twenty people answer the same 60 pairs, by something that no weight on the features says: p is not small."""
    random = np.random.default_rng(0)
    chances = []
    for _ in range(6):
        feature_I2, hidden_I = random.normal(size=(60, 2)), 3 * random.normal(size=60)
        item_N, evaluator_N = np.tile(np.arange(60), 20), np.repeat(np.arange(20), 60)
        left_N = random.random(1200) < expit(feature_I2[item_N, 0] + hidden_I[item_N])
        difference_N2 = feature_I2[item_N] * np.where(left_N, 1, -1)[:, None]
        names = [f"e{place}" for place in range(20)]
        answers = Answers(names, names, difference_N2, evaluator_N, item_N % 2, np.ones(1200, bool), item_N, item_N)
        chances.append(score_test(answers)[0].value)
    assert np.mean(chances) == pytest.approx(0.5, abs=3 / (12 * 6) ** 0.5)


def test_pairs_that_share_a_text_count_once() -> None:
    pairs = [Pair(prompt="p", chosen=a, rejected=b) for a, b in ("ab", "bc", "cd", "ef", "fa")]
    assert list(independent(pairs)) == [True, False, True, True, False]


def test_fit_is_the_maximum_of_the_penalised_likelihood() -> None:
    random = np.random.default_rng(0)
    difference_N2, centre_2, weight_N = random.normal(size=(200, 2)), np.array([0.5, -0.2]), random.random(200)

    def objective(weight_2: np.ndarray) -> float:
        likely = -weight_N @ np.logaddexp(0, -difference_N2 @ weight_2)
        return float(likely - 2.0 * np.sum((weight_2 - centre_2) ** 2))

    best_2 = fit(difference_N2, centre_2, 4.0, weight_N)
    for step in (1e-3, -1e-3):
        for axis in np.eye(2):
            assert objective(best_2) > objective(best_2 + step * axis)
