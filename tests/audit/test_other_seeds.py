"""RL1 seeds and X7: what hangs on the seed, by runs that stand beside one another."""

from pathlib import Path

import numpy as np
import pytest

from accord.artefacts import EVALUATION, RECIPE, SCORES, ArmEvaluation, Finding, PolicyEvaluation, ScoreRow, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.seeds.spread import coefficient_of_variation
from accord.cli.seeds import seeds_of
from accord.errors import RecipeError
from accord.run import RunDirectory
from accord.stats import mean

NOTHING = mean([0.0, 0.0])


def arm(score: float) -> ArmEvaluation:
    return ArmEvaluation(eval_reward=mean([score, score]), entropy=NOTHING, length=NOTHING, stop_rate=NOTHING)


def made(path: Path, seed: int, *, gain: float = 1.0, scores: dict[str, float] | None = None) -> Path:
    with RunDirectory.create(path, seed=seed) as run:
        EVALUATION.write(run, PolicyEvaluation(kl=NOTHING, start=arm(0.5), policy=arm(0.5 + gain)))
        rows = [
            ScoreRow(completion=text, prompt=text.partition("-")[0], score=score)
            for text, score in (scores or {}).items()
        ]
        if rows:
            SCORES.write(run, rows, stage="reward")
    return path


def found(check: str, first: Path, beside: list[Path]) -> Finding:
    with RunDirectory.open(first, write=False) as run:
        return CHECKS.get(check).run(Evidence(run, beside=beside), AuditSettings())


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([1.0, 1.02, 0.98, 1.01, 0.99], Verdict.QUIET),
        ([1.0, 0.1, 0.9, -0.2, 1.1], Verdict.FIRES),
        ([1.0, 1.2, 0.75], Verdict.INCONCLUSIVE),
        ([-1.0, -0.98, -1.02, -1.01], Verdict.QUIET),
    ],
    ids=["alike", "two of five fail", "too few to tell", "all lose alike"],
)
def test_the_spread_of_gains_over_seeds(gains: list[float], verdict: Verdict, tmp_path: Path) -> None:
    first, *others = [made(tmp_path / f"seed-{i}", i, gain=gain) for i, gain in enumerate(gains)]
    finding = found("RL1 seeds", first, others)
    assert finding.verdict is verdict
    assert finding.estimate is not None
    assert finding.estimate.n == len(gains)
    if verdict is Verdict.INCONCLUSIVE:
        assert "seeds instead of 3" in finding.needs


def test_a_run_alone_and_one_seed_twice_are_said(tmp_path: Path) -> None:
    first, second, third = (made(tmp_path / f"run-{i}", seed) for i, seed in enumerate((0, 1, 1)))
    assert "--beside" in found("RL1 seeds", first, [second]).needs
    assert "different seeds" in found("RL1 seeds", first, [second, third]).needs
    assert "--beside" in found("RL1 seeds", first, [first, second]).needs, "a run is not beside itself"


def test_runs_of_other_recipes_are_not_other_seeds(tmp_path: Path) -> None:
    runs = []
    for seed, kl_coef in ((0, 0.1), (1, 0.1), (2, 0.2)):
        runs.append(made(tmp_path / f"run-{seed}", seed))
        with RunDirectory.open(runs[-1]) as run:
            RECIPE.write(run, f"seed = {seed}\n[policy]\nkind = 'ppo'\nkl_coef = {kl_coef}\n")
    first, *others = runs
    assert "they differ in policy.kl_coef" in found("RL1 seeds", first, others).needs


@pytest.mark.parametrize("ratio", [0.1, 0.5, 2.0])
def test_the_interval_of_a_coefficient_of_variation_holds_it(ratio: float) -> None:
    """Of 400 draws of five normal numbers 95 in a hundred hold it, and more where the mean's sign is open."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        estimate = coefficient_of_variation(random.normal(1.0, ratio, 5))
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= ratio <= estimate.high
    assert held / 400 >= 0.92


def texts(seed: int, noise: float) -> dict[str, float]:
    """Scores of six texts of ten prompts: the same worth, and noise of the seed's own."""
    worth, own = np.random.default_rng(0), np.random.default_rng(seed)
    return {f"p{i // 6}-{i}": float(worth.normal()) + noise * float(own.normal()) for i in range(60)}


@pytest.mark.parametrize(("noise", "verdict"), [(0.02, Verdict.QUIET), (1.5, Verdict.FIRES)])
def test_rewards_of_other_seeds_that_order_texts_otherwise(noise: float, verdict: Verdict, tmp_path: Path) -> None:
    first, *others = [made(tmp_path / f"seed-{i}", i, scores=texts(i + 1, noise)) for i in range(4)]
    finding = found("X7 undetermined", first, others)
    assert finding.verdict is verdict
    assert finding.estimate is not None
    assert (finding.estimate.n, finding.estimate.clusters) == (150, 10)


def test_rewards_that_share_no_texts_say_nothing(tmp_path: Path) -> None:
    def renamed(seed: int) -> dict[str, float]:
        return {f"{name}-{seed}": score for name, score in texts(seed, 1.0).items()}

    first, *others = [made(tmp_path / f"seed-{i}", i, scores=renamed(i)) for i in range(3)]
    assert "4 prompts" in found("X7 undetermined", first, others).needs


def test_seeds_are_a_range_of_two_or_more() -> None:
    assert list(seeds_of("3:6")) == [3, 4, 5]
    for text in ("", "3", "3:4", "6:3", "a:b", "-1:3", "0:5:2", "0.5:3"):
        with pytest.raises(RecipeError, match=r"not A:B|no spread"):
            seeds_of(text)
