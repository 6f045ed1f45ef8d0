"""Linear rewards, fitted by the very likelihoods that reward models are fitted with: the decoder alone is another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from accord.lab.rewards.collection import Collection, Floats
from accord.lm.head_posterior import HeadPosterior
from accord.reward.observations import Observation, completions_of
from accord.reward.posterior.laplace import laplace
from accord.reward.terms.base import Term

__all__ = ["Likelihood", "fit", "posterior"]


@dataclass(frozen=True)
class Part:
    """One term, its observations, and the rows of numbers that each is about."""

    term: Term
    observations: Sequence[Observation]
    places: Sequence[Sequence[int]]


class Likelihood:
    """Log-likelihood and prior of a linear reward with a weight for each of D numbers.

    `expand` makes features of numbers, [A, D] each; the prior of a weight is normal about 0 with deviation `prior_std`.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        collection: Collection,
        *,
        prior_std: float,
        expand: Callable[[Floats], Floats] = lambda numbers_AD: numbers_AD,
    ) -> None:
        data = collection.data()
        read = [(term, term.read(data, "train")) for term in terms]
        completions = dict(data.completions)
        for _, reading in read:
            completions |= reading.written
        names = completions_of(each for _, reading in read for each in reading.observations)
        place = {name: row for row, name in enumerate(names)}
        self.feature_AD = torch.tensor(expand(collection.numbers(names, completions)))
        self.parts = [
            Part(
                term.double(),
                reading.observations,
                [[place[name] for name in each.completions] for each in reading.observations],
            )
            for term, reading in read
            if reading.observations
        ]
        self.prior_std = prior_std

    @property
    def width(self) -> int:
        """D."""
        return self.feature_AD.shape[1]

    def nll(self, weight_D: Tensor) -> Tensor:
        """What all observations cost under weights, and the weights under their prior."""
        score_AM = (self.feature_AD @ weight_D)[:, None]
        losses = [
            (
                torch.tensor([each.weight for each in part.observations])
                * part.term.nll(score_AM, part.observations, part.places)[:, 0]
            ).sum()
            for part in self.parts
        ]
        penalties = [part.term.penalty() for part in self.parts]
        return torch.stack(losses).sum() + sum(penalties) + weight_D @ weight_D / (2 * self.prior_std**2)


def fit(likelihood: Likelihood) -> Floats:
    """The weights of the largest posterior, [D]; parameters of the terms are fitted with them."""
    weight_D = torch.zeros(likelihood.width, dtype=torch.float64, requires_grad=True)
    parameters = [parameter for part in likelihood.parts for parameter in part.term.parameters()]
    optimiser = torch.optim.LBFGS(
        [weight_D, *parameters],
        max_iter=300,
        tolerance_grad=1e-8,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = likelihood.nll(weight_D)
        value.backward()
        return value

    optimiser.step(loss)
    return np.asarray(weight_D.detach().numpy())


def posterior(likelihood: Likelihood, weight_D: Floats) -> HeadPosterior:
    """Laplace's approximation about the fitted weights, of a likelihood of one term, as a head's is made."""
    (part,) = likelihood.parts
    score_AM = (likelihood.feature_AD @ torch.tensor(weight_D))[:, None]
    return laplace(
        part.term, likelihood.feature_AD, score_AM, part.observations, part.places, prior_std=likelihood.prior_std
    )
