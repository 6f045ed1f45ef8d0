"""Rewards learnt from comparisons in the trap, and the scores that are made of them and of their doubt.

Two classes stand for models of two sizes: `linear` cannot bend and is wrong however much it is told, `quadratic` has
squares and is nearly right. The mean of members knows no doubt. The worst of them and their mean less their variance
are the conservative ensembles of Coste et al. 2023 (arXiv 2310.02743); `posterior` is the certainty equivalent over
draws of the Laplace posterior (`policy/caution`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accord.lab.rewards.linear import Likelihood, posterior
from accord.lab.rewards.trap import CAUTION, EVALUATORS, PRIOR_STD, collected
from accord.lab.trap_world import QUALITIES, Compared, Floats, with_squares
from accord.lab.worlds import GaussWorld
from accord.policy.caution import certainty_equivalent
from accord.reward.heads import Heads
from accord.reward.people.linear import LinearComparisons
from accord.reward.terms.comparisons import Comparisons

__all__ = ["CLASSES", "SCORES", "Proxy", "Score", "fit_proxy"]

Score = Callable[[Floats], Floats]
"""The scores [A] of texts [A, D]."""

MEMBERS = 5
VARIANCE = 1.0  # what a unit of the members' variance takes off
SCORES = ("plain", "mean", "worst", "variance", "posterior")


def _as_they_are(number_AD: Floats) -> Floats:
    return number_AD


CLASSES: Mapping[str, Callable[[Floats], Floats]] = {"linear": _as_they_are, "quadratic": with_squares}


@dataclass(frozen=True)
class Proxy:
    """A learnt reward of a class: its most probable weights, those of the members, and draws of the posterior.

    What was only compared has no zero, so scores are less their mean over the start's texts: members agree on that.
    """

    reward: str
    weight_W: Floats
    member_SW: Floats
    drawn_SW: Floats | None = None

    def score(self, name: str) -> Score:
        """One of `SCORES`."""
        expand = CLASSES[self.reward]
        centre_W = start_features(self.reward)
        weights_SW = {"plain": self.weight_W[None], "posterior": self.drawn_SW}.get(name, self.member_SW)
        if weights_SW is None:
            raise ValueError("no draws of the posterior were made")

        def scored(number_AD: Floats) -> Floats:
            member_AS = (expand(number_AD) - centre_W) @ weights_SW.T
            match name:
                case "plain" | "mean":
                    return np.asarray(member_AS.mean(1))
                case "worst":
                    return certainty_equivalent(member_AS, 0.0)
                case "variance":
                    return np.asarray(member_AS.mean(1) - VARIANCE * member_AS.var(1))
                case "posterior":
                    return certainty_equivalent(member_AS, CAUTION)
                case _:
                    raise ValueError(f"no score is called '{name}'")

        return scored

    def in_closed_form(self, name: str) -> GaussWorld | None:
        """`plain` and `mean`, which are weights . y - 1/2 sum curvatures y^2; None for the others."""
        if name not in {"plain", "mean"}:
            return None
        weight_W = self.weight_W if name == "plain" else self.member_SW.mean(0)
        width = QUALITIES + 1
        return GaussWorld(weights=tuple(weight_W[:width]), curvatures=tuple(-2 * weight_W[width:]))


def start_features(reward: str) -> Floats:
    """The mean features of the start's texts: squares of standard normal numbers are 1."""
    numbers = QUALITIES + 1
    squares = CLASSES[reward](np.zeros((1, numbers))).shape[1] - numbers
    return np.concatenate([np.zeros(numbers), np.ones(squares)])


@dataclass(frozen=True)
class _Statement:
    """A comparison, as an ensemble asks whose it is."""

    prompt: str
    evaluator: str
    session: str | None = None
    weight: float = 1.0


def fit_proxy(reward: str, compared: Sequence[Compared], seed: int, *, doubt: bool = False) -> Proxy:
    """A reward of a class from comparisons; with `doubt` the draws of its posterior are made too.

    Members weigh each evaluator by a draw of their own, as the ensembles of `accord.reward` do (`Heads`).
    """
    expand = CLASSES[reward]
    row_2PD = np.stack([each.row_2D for each in compared], 1)
    preferred_P1 = np.where(np.array([each.felt for each in compared]) > 0, 1.0, -1.0)[:, None]
    fit = LinearComparisons((expand(row_2PD[0]) - expand(row_2PD[1])) * preferred_P1, PRIOR_STD)
    statements = [_Statement(str(number), str(number % EVALUATORS)) for number in range(len(compared))]
    weight_PS = Heads(members=MEMBERS, seed=seed).weights(statements).numpy().astype(np.float64)
    (weight_W,), _ = fit(np.ones((len(compared), 1)), None)
    member_SW, _ = fit(weight_PS, None)
    drawn_SW = _drawn(reward, compared, weight_W) if doubt else None
    return Proxy(reward, weight_W, member_SW, drawn_SW)


def _drawn(reward: str, compared: Sequence[Compared], weight_W: Floats) -> Floats:
    """Draws of the weights from Laplace's approximation about the fitted ones, [S, W]."""
    likelihood = Likelihood([Comparisons()], collected(compared), prior_std=PRIOR_STD, expand=CLASSES[reward])
    known = replace(posterior(likelihood, weight_W), centre_D=np.zeros(len(weight_W)))
    offset_SW: Floats = known.offsets(np.eye(len(weight_W)))[:, :, 0]
    return weight_W + offset_SW
