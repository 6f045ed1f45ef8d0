"""Kinds of judgement that follow the reward as surely as they turn out to, in a joint likelihood."""

import math

import pytest
import torch

from accord.reward.kinds.joint import Joint
from accord.reward.observations import Observation
from accord.reward.sentiment import lexicon
from accord.reward.terms.acts import Evaluators
from accord.reward.terms.base import OwnNoise
from accord.reward.terms.corrections import Corrections
from accord.reward.terms.critiques import Critiques
from accord.reward.terms.demonstrations import Demonstrations
from accord.reward.terms.ratings import RatingRegression
from small_judgements import judged_letters

DATA = judged_letters()

CORRECTED = [Observation(prompt="p", completions=("a", "b"), content=None)]


@pytest.mark.parametrize("kind", [Corrections, Demonstrations])
def test_the_reward_counts_as_often_as_the_slope_says(kind: type[Corrections] | type[Demonstrations]) -> None:
    term, plain = kind(own_noise=True), kind()
    score_AM = torch.tensor([[0.7], [-0.4]])
    assert term.nll(score_AM, CORRECTED, [[0, 1]]).item() == pytest.approx(
        plain.nll(score_AM, CORRECTED, [[0, 1]]).item()
    )
    assert isinstance(term.noise, OwnNoise)
    with torch.no_grad():
        term.noise.log_slope.fill_(math.log(3))
    assert term.nll(score_AM, CORRECTED, [[0, 1]]).item() == pytest.approx(math.log1p(math.exp(-3 * 1.1)), rel=1e-4)
    assert term.penalty().item() == pytest.approx(math.log(3) ** 2 / 2)
    assert plain.penalty().item() == 0.0


@pytest.mark.parametrize("ratings", ["cumulative", "regression"])
def test_in_a_joint_all_that_does_not_set_the_scale_has_noise_of_its_own(ratings: str) -> None:
    settings = Joint.model_validate({"base": "tiny", "ratings": ratings})
    noisy = {term.name for term in settings.terms(DATA) if isinstance(getattr(term, "noise", None), OwnNoise)}
    assert noisy == {"rating", "correction", "demonstration", "critique"}


@pytest.mark.parametrize("name", ["rating", "critique"])
def test_ratings_and_critiques_in_a_joint_read_the_reward_by_their_slope(name: str) -> None:
    (term,) = Joint.model_validate({"base": "tiny", "ratings": "regression", "judgements": [name]}).terms(DATA)
    alone = {"rating": RatingRegression(Evaluators(DATA)), "critique": Critiques([lexicon])}[name]
    observations = term.read(DATA, "train").observations
    alone.read(DATA, "train")
    score_AM = torch.randn(len(observations), 2, generator=torch.Generator().manual_seed(1))
    places = [[place] for place in range(len(observations))]
    torch.testing.assert_close(term.nll(score_AM, observations, places), alone.nll(score_AM, observations, places))
    before = term.penalty().item()
    with torch.no_grad():
        term.noise.log_slope.fill_(math.log(3))  # type: ignore[union-attr,operator]
    torch.testing.assert_close(term.nll(score_AM, observations, places), alone.nll(3 * score_AM, observations, places))
    assert term.penalty().item() == pytest.approx(before + math.log(3) ** 2 / 2)


def test_a_kind_that_is_noisier_is_found_to_be() -> None:
    """Margins of 1 that another kind has set, of which 60 % of the corrections go the right way: F(slope) = .6."""
    term = Corrections(own_noise=True)
    score_AM = torch.tensor([[1.0], [0.0]])
    places = [[0, 1]] * 600 + [[1, 0]] * 400
    optimiser = torch.optim.LBFGS(term.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = term.nll(score_AM, CORRECTED * 1000, places).sum()
        value.backward()
        return value

    optimiser.step(loss)
    assert isinstance(term.noise, OwnNoise)
    assert term.noise.log_slope.exp().item() == pytest.approx(math.log(0.6 / 0.4), rel=1e-3)
