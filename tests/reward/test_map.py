"""The point that is fitted is the maximum of likelihood times prior, found here by another way."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn

from accord.feedback import Dataset
from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.reward import BradleyTerry
from accord.reward.fitting import Fitting
from accord.reward.heads import Heads
from accord.reward.terms.answering import Answering
from accord.reward.terms.comparisons import Comparisons
from accord.train import BatchLimits, Optim, Optimiser
from small_data import letters_dataset

Vector = NDArray[np.float64]
STD = 0.8


class Linear:
    """A head over a decoder that stays as it is, and all that is needed to fit it in one step of everything."""

    def __init__(self, data: Dataset, term: Comparisons, *, std: float | None, members: int = 1) -> None:
        self.judge = ScalarHeadModel.fresh(load("tiny", seed=1), name="judge", seed=2, members=members)
        self.heads = Heads(members=members, seed=5)
        self.judge.causal.model.requires_grad_(False)
        self.observations = term.read(data, "train").observations
        self.data, self.term, self.std = data, term, std
        self.starts = torch.cat([self.judge.head.weight, self.judge.head.bias[:, None]], 1).detach().double().numpy()
        self.start = self.starts[0]

    def features(self) -> Vector:
        """Chosen less rejected, of each hidden number at the end and 0 of the bias, [P, D + 1]."""
        head, self.judge.head = self.judge.head, nn.Identity()  # type: ignore[assignment]
        names = list(self.data.completions)
        completions = [self.data.completions[name] for name in names]
        answers = [self.judge.answer(self.data.prompts[c.prompt], c, key) for key, c in enumerate(completions)]
        hidden_ND = np.zeros((len(names), self.judge.causal.width))
        with torch.no_grad():
            for batch in BatchLimits().pack(self.judge.causal, answers):
                hidden_ND[list(batch.keys)] = self.judge.at_end(batch).double().numpy()
        self.judge.head = head
        row = dict(zip(names, hidden_ND, strict=True))
        return np.array([[*(row[o.completions[0]] - row[o.completions[1]]), 0.0] for o in self.observations])

    def gradient_norm(self, head: Vector, tie: float | None = None) -> float:
        """Of a step of the fit at these weights [D + 1] or [S, D + 1]; the prior is about the start, wherever they are.

        It is that of the mean over members.
        """
        trained = [*self.judge.head.parameters(), *self.term.parameters()]
        optimiser = Optimiser(Optim(lr=1e-9), trained, 1)
        weight = sum(each.weight for each in self.observations)
        terms = nn.ModuleDict({"comparison": self.term})
        settings = BradleyTerry(base="tiny", dtype="float32", head_prior_std=self.std or "flat")
        prior = settings.new_prior(self.judge, terms, observations=weight)
        with torch.no_grad():
            self.judge.head.weight.copy_(torch.tensor(np.atleast_2d(head)[:, :-1]))
            self.judge.head.bias.copy_(torch.tensor(np.atleast_2d(head)[:, -1]))
            if tie is not None:
                assert self.term.tie is not None
                self.term.tie.copy_(torch.tensor(tie))
        fitting = Fitting(
            settings,
            self.judge,
            terms,
            {id(each): "comparison" for each in self.observations},
            self.heads,
            self.data,
            optimiser,
            BatchLimits(),
            weight / len(self.observations),
            len(self.observations),
            prior,
        )
        return fitting.update([self.observations], 1).grad_norm


def weighted(data: Dataset) -> Dataset:
    """Pairs of which each third counts 2.5 times as much, and each fourth is a tie."""
    pairs = {
        name: tuple(
            pair.model_copy(update={"weight": 2.5 if k % 3 == 0 else 1.0, "tie": k % 4 == 0})
            for k, pair in enumerate(side)
        )
        for name, side in data.pairs.items()
    }
    return replace(data, pairs=pairs)


def found(objective: Callable[[Vector], float], start: Vector) -> Vector:
    point: Vector = minimize(objective, start, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000}).x
    return point


@pytest.fixture(scope="module")
def data() -> Dataset:
    return weighted(letters_dataset(prompts=6, texts=5))


def newton(x_PD: Vector, start_D: Vector, weight_P: Vector, target_P: Vector) -> Vector:
    """The maximum of the posterior of a linear Bradley-Terry whose prior is about the start."""
    at_D = start_D.copy()
    for _ in range(50):
        share_P = expit(x_PD @ at_D)
        gradient_D = x_PD.T @ (weight_P * (share_P - target_P)) + (at_D - start_D) / STD**2
        hessian_DD = (x_PD.T * (weight_P * share_P * (1 - share_P))) @ x_PD + np.eye(len(at_D)) / STD**2
        at_D = at_D - np.linalg.solve(hessian_DD, gradient_D)
    assert np.abs(gradient_D).max() < 1e-10
    return at_D


def test_a_linear_reward_is_the_maximum_of_the_posterior_by_newton(data: Dataset) -> None:
    linear = Linear(data, Comparisons(), std=STD)
    weight_P = np.array([each.weight for each in linear.observations])
    target_P = np.array([0.5 if each.content.tie else 1.0 for each in linear.observations])
    at_D = newton(linear.features(), linear.start, weight_P, target_P)
    far = linear.gradient_norm(linear.start)
    assert far > 0.01
    assert linear.gradient_norm(at_D) < 1e-5
    assert linear.gradient_norm(at_D + 0.05) > 1e-3  # it would be seen


def test_each_member_of_an_ensemble_is_a_fit_of_its_own_with_one_prior(data: Dataset) -> None:
    """Its own start, its own bootstrap weights, and a prior that is no stronger because there are others."""
    linear = Linear(data, Comparisons(), std=STD, members=4)
    x_PD = linear.features()
    weight_PS = linear.heads.weights(linear.observations).double().numpy()
    target_P = np.array([0.5 if each.content.tie else 1.0 for each in linear.observations])
    at_SD = np.array(
        [
            newton(x_PD, start_D, weight_P, target_P)
            for start_D, weight_P in zip(linear.starts, weight_PS.T, strict=True)
        ]
    )
    assert linear.gradient_norm(linear.starts) > 0.01
    assert linear.gradient_norm(at_SD) < 1e-5


def test_adapters_of_members_have_a_share_of_the_prior_each_and_the_shared_decoder_all_of_it() -> None:
    settings = BradleyTerry(
        base="tiny", dtype="float32", ensemble="adapters", ensemble_size=3, decoder_prior_std=0.5, head_prior_std=0.25
    )
    judge = settings.new_judge(load("tiny", seed=1), Heads(members=3), seed=2, stage="reward")
    assert isinstance(judge, AdapterEnsemble)
    weights = judge.trainable()
    prior = settings.new_prior(judge, nn.ModuleDict({"comparison": Comparisons()}), observations=7.0)
    with torch.no_grad():
        for weight in weights:
            weight += 0.1
    optimiser = Optimiser(Optim(), weights, 1)
    own, head = {*judge.adapters.parameters()}, {*judge.head.parameters()}
    count = {
        name: sum(each.numel() for each in some)
        for name, some in (("own", own), ("head", head), ("shared", set(weights) - own - head))
    }
    assert min(count.values()) > 0
    squares = count["shared"] / 0.5**2 + count["own"] / (3 * 0.5**2) + count["head"] / (3 * 0.25**2)
    assert prior.add(optimiser) == pytest.approx(0.1**2 / 2 * squares, rel=1e-4)


def test_the_parameter_of_ties_is_fitted_with_the_reward_to_its_own_prior(data: Dataset) -> None:
    linear = Linear(data, Comparisons(Answering(ties="davidson")), std=STD)
    x_PD, start_D = linear.features(), linear.start
    weight_P = np.array([each.weight for each in linear.observations])
    tie_P = np.array([each.content.tie for each in linear.observations])

    def objective(at: Vector) -> float:
        margin_P, log_nu = x_PD @ at[:-1], at[-1]
        total_P = np.logaddexp(np.logaddexp(margin_P / 2, -margin_P / 2), log_nu)
        nll_P = total_P - np.where(tie_P, log_nu, margin_P / 2)
        prior = ((at[:-1] - start_D) ** 2).sum() / (2 * STD**2) + log_nu**2 / (2 * 2.0**2)
        return float(weight_P @ nll_P + prior)

    at = found(objective, np.array([*start_D, 0.0]))
    assert linear.gradient_norm(at[:-1], float(at[-1])) < 1e-4
    assert linear.gradient_norm(at[:-1], float(at[-1]) + 0.3) > 1e-3


def separable(data: Dataset) -> Dataset:
    """The pairs of one prompt without ties: an order of five texts, which a line through many features can say."""
    prompt = data.pairs["train"][0].prompt
    pairs = {
        name: tuple(pair for pair in side if not pair.tie and pair.prompt == prompt)
        for name, side in data.pairs.items()
    }
    return replace(data, pairs=pairs)


def test_preferences_that_a_line_separates_have_a_finite_maximum_with_the_prior_alone(data: Dataset) -> None:
    linear = Linear(separable(data), Comparisons(), std=5.0)
    x_PD, start_D = linear.features(), linear.start
    weight_P = np.array([each.weight for each in linear.observations])

    def loss(at_D: Vector) -> float:
        return float(weight_P @ np.logaddexp(0, -(x_PD @ at_D)))

    at_D = found(lambda at: loss(at) + ((at - start_D) ** 2).sum() / (2 * 5.0**2), start_D)
    assert ((x_PD @ at_D) > 0).all()  # it is separated
    assert loss(1000 * at_D) < 1e-6 < loss(at_D)  # without a prior larger weights are always better
    assert linear.gradient_norm(at_D) < 1e-4
    flat = Linear(separable(data), Comparisons(), std=None)
    assert flat.gradient_norm(at_D) > 1e-3


def test_a_cycle_of_preferences_ends_in_equal_rewards(data: Dataset) -> None:
    names = [name for name, each in data.completions.items() if data.split_of[each.prompt] == "train"][:3]
    base = data.pairs["train"][0]
    cycle = tuple(
        base.model_copy(update={"chosen": one, "rejected": two, "tie": False, "weight": 1.0})
        for one, two in zip(names, [*names[1:], names[0]], strict=True)
    )
    prompt = data.completions[names[0]].prompt
    assert {data.completions[name].prompt for name in names} == {prompt}
    pairs = tuple(pair.model_copy(update={"prompt": prompt}) for pair in cycle)
    of_cycle = replace(data, pairs={**data.pairs, "train": pairs})
    linear = Linear(of_cycle, Comparisons(), std=None)
    x_PD = linear.features()
    equal_D = linear.start - np.linalg.pinv(x_PD) @ (x_PD @ linear.start)
    assert np.abs(x_PD @ equal_D).max() < 1e-9
    assert linear.gradient_norm(equal_D) < 1e-5
