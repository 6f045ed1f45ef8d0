"""A loop stops at the peak of its judge's fitted curve: where it is surely passed, and not where a curve levels off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from accord.artefacts import ROUNDS
from accord.errors import RecipeError
from accord.loop.peak import RoundCurve, curve_of_rounds
from accord.loop.rewards import judges_of
from accord.loop.stage import Context, in_run
from accord.recipe import load
from accord.run import RunDirectory
from rounds_run import QUIET, judged, make_rounds, write_recipe

Floats = NDArray[np.float64]
Shape = Callable[[Floats], Floats]
PROMPTS = 40


def curve(shape: Shape, rounds: int, *, step: float = 0.6, seed: int = 0) -> RoundCurve:
    """Rounds that move on by `step` of sqrt(KL) each, four samples a prompt, prompts that differ."""
    random = np.random.default_rng(seed)
    d_S1 = (np.arange(rounds + 1) * step)[:, None]
    kl_SP = d_S1**2 * random.lognormal(0, 0.4, PROMPTS) + random.normal(0, 0.5, (rounds + 1, PROMPTS)) * d_S1
    score_SP = random.normal(0, 0.7, PROMPTS) + shape(d_S1) + random.normal(0, 0.5, (rounds + 1, PROMPTS))
    return RoundCurve(np.where(d_S1 > 0, kl_SP, 0.0), score_SP)


def turning(d: Floats) -> Floats:
    """Highest at exp(1.2 / 0.8 - 1) = 1.65."""
    return np.asarray(d * (1.2 - 0.8 * np.log(np.where(d > 0, d, 1))))


def test_a_curve_that_turns_is_passed_and_the_round_at_its_peak_is_named() -> None:
    found = [curve(turning, 6, seed=seed).peak() for seed in range(6)]
    for peak in found:
        assert peak is not None
        assert peak.is_passed
        assert peak.nearest in {2, 3}  # at 1.2 and 1.8
        assert peak.at.low is not None
        assert peak.at.high is not None
        assert peak.reached == pytest.approx(3.6, abs=0.6)
    assert sum(peak.at.low < np.exp(0.5) < peak.at.high for peak in found if peak and peak.at.low and peak.at.high) >= 4


@pytest.mark.parametrize("shape", [lambda d: 0.5 * d, lambda d: 0.6 * np.log1p(d)], ids=["a line", "a logarithm"])
def test_a_curve_that_rises_is_never_passed(shape: Shape) -> None:
    peaks = [curve(shape, rounds, seed=seed).peak() for seed in range(6) for rounds in range(1, 8)]
    assert not any(peak is not None and peak.is_passed for peak in peaks)


def test_a_curve_that_levels_off_has_a_fitted_peak_and_is_seldom_passed() -> None:
    peaks = [curve(lambda d: np.minimum(d, 1.0), 8, seed=seed).peak() for seed in range(30)]
    beyond = [peak for peak in peaks if peak and peak.at.high is not None and peak.at.high < peak.reached]
    assert len(beyond) > 20, "the law alone takes a plateau for a turn"
    assert sum(peak is not None and peak.is_passed for peak in peaks) <= 4


def test_few_rounds_have_no_peak() -> None:
    assert curve(turning, 3).peak() is None


def test_a_stop_at_a_peak_needs_an_independent_judge(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"stop_at_peak: the peak is that of an independent judge"):
        load(tmp_path / "recipe.toml", {"loop.stop_at_peak": "true"})


@pytest.mark.slow
def test_the_curve_of_a_run_is_read_from_its_rounds(tmp_path: Path) -> None:
    recipe = judged(write_recipe(tmp_path, ask="never", evaluators="[]", rounds="2"))
    assert recipe.loop is not None
    recipe = recipe.model_copy(update={"loop": recipe.loop.model_copy(update={"stop_at_peak": True})})
    make_rounds(recipe, tmp_path / "run")
    with RunDirectory.open(tmp_path / "run/rounds/02", write=False) as run:
        context = Context(in_run(recipe, run), run, QUIET)
        found = curve_of_rounds(tmp_path / "run", 2, judges_of(context)["eval_reward"])
    assert found is not None
    assert found.score_SP.shape == found.kl_SP.shape
    assert len(found.kl_SP) == 3
    assert (found.kl_SP[0] == 0).all()
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        assert ROUNDS.read(run).rounds[-1].kl is not None
