"""Whether a judge is as sure as it should be: its probabilities, and whether its members disagree as people do.

Probabilities   sigmoid(scale x difference of scores) is what a judge states. On held-out people it is often too sure.
                `temperature` divides log-odds by one number (Guo et al. 2017, arXiv 1706.04599); `isotonic` is any
                rising curve through probabilities, symmetric in the order of the two (Zadrozny & Elkan 2002). Both
                leave which of two is better as it is.
Members         where 30 % of people prefer the first of two, 30 % of members should: pairwise calibration. The error is
                the mean square of the gap between the two shares, less what so few people and members differ by chance.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from accord.stats import Estimate, mean

__all__ = ["Calibration", "fit_isotonic", "fit_temperature", "pairwise_calibration"]

Floats = NDArray[np.float64]
WIDEST = 30.0  # the logarithm of the temperature, from 0
PRIOR_STD = 3.0  # of the logarithm of the temperature about 0: T within 1/400 and 400
LEAST_DRAWS = 16  # members from which on they may be draws, opposite two by two


@dataclass(frozen=True)
class Calibration:
    """A rising map of log-odds to probabilities: by `temperature`, or through points of a curve.

    knots  of an isotonic curve: stated probabilities from one half on, which stays one half, and what they should be
    """

    kind: Literal["temperature", "isotonic"]
    temperature: float = 1.0
    knots: tuple[tuple[float, float], ...] = ()

    def __call__(self, logodds_P: ArrayLike) -> Floats:
        """P(first is preferred) of P pairs, from what the judge states as log-odds."""
        stated_P = np.asarray(logodds_P, dtype=np.float64)
        if self.kind == "temperature":
            calibrated_P: Floats = expit(stated_P / self.temperature)
            return calibrated_P
        at_J, should_J = np.array(self.knots).T
        better_P = np.interp(expit(np.abs(stated_P)), at_J, should_J)
        mirrored_P: Floats = np.where(stated_P >= 0, better_P, 1 - better_P)
        return mirrored_P

    def as_json(self) -> dict[str, Any]:
        """Kept beside a judge."""
        return {"kind": self.kind, "temperature": self.temperature, "knots": [list(each) for each in self.knots]}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Calibration":
        """What `as_json` gave."""
        return cls(content["kind"], content["temperature"], tuple((at, should) for at, should in content["knots"]))


def fit_temperature(logodds_P: ArrayLike, outcome_P: ArrayLike, weights: ArrayLike | None = None) -> Calibration:
    """The temperature T of the largest posterior after P outcomes: 1 the first was preferred, 0 the second, 1/2 a tie.

    The prior of log T is normal about 0 with deviation 3: some ten pairs outweigh it, but T is neither 0 nor infinite
    where all outcomes are as stated or say nothing, and 1 where nothing is stated. Fit it on people that the judge did
    not learn from. Raises `ValueError` where there are no pairs or a number is not what it should be.
    """
    stated_P, observed_P, weight_P = _checked(logodds_P, outcome_P, weights)

    def loss(log_temperature: float) -> float:
        margin_P = stated_P * np.exp(-log_temperature)
        cost = weight_P @ (np.logaddexp(0, margin_P) - observed_P * margin_P)
        return float(cost) + (log_temperature / PRIOR_STD) ** 2 / 2

    # The prior may make a second valley: a grid finds the deepest, the search its floor.
    grid_J = np.linspace(-WIDEST, WIDEST, 121)
    best = float(grid_J[int(np.argmin([loss(each) for each in grid_J]))])
    within = (max(-WIDEST, best - 0.5), min(WIDEST, best + 0.5))
    found = minimize_scalar(loss, bounds=within, method="bounded", options={"xatol": 1e-9})
    return Calibration("temperature", temperature=float(np.exp(found.x)))


def fit_isotonic(logodds_P: ArrayLike, outcome_P: ArrayLike, weights: ArrayLike | None = None) -> Calibration:
    """The rising curve of least squares from stated to observed shares; never below one half for whom it favours.

    It goes through (1/2, 1/2), so that the order of the two says nothing, and is straight from there to the first
    pairs; a pair of log-odds 0 says nothing of it, and where all are, or weigh 0, it leaves what is stated as it is.
    Takes a thousand pairs or so to be worth its freedom. Raises as `fit_temperature` does.
    """
    from sklearn.isotonic import IsotonicRegression  # brings pandas with it where that is installed

    stated_P, observed_P, weight_P = _checked(logodds_P, outcome_P, weights)
    at_P = expit(np.abs(stated_P))
    says_P = (at_P > 0.5) & (weight_P > 0)
    if not says_P.any():
        return Calibration("isotonic", knots=((0.5, 0.5), (1.0, 1.0)))
    favoured_P = np.where(stated_P > 0, observed_P, 1 - observed_P)
    fitted = IsotonicRegression(y_min=0.5, y_max=1.0, out_of_bounds="clip")
    fitted.fit(at_P[says_P], favoured_P[says_P], sample_weight=weight_P[says_P])
    knots = zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True)
    return Calibration("isotonic", knots=((0.5, 0.5), *knots))


def _checked(logodds_P: ArrayLike, outcome_P: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    stated_P, observed_P = (np.asarray(each, dtype=np.float64) for each in (logodds_P, outcome_P))
    weight_P = np.ones_like(stated_P) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(stated_P) or stated_P.shape != observed_P.shape or stated_P.shape != weight_P.shape:
        raise ValueError(f"{stated_P.shape} log-odds, {observed_P.shape} outcomes and {weight_P.shape} weights")
    if not np.isfinite(stated_P).all() or ((observed_P < 0) | (observed_P > 1)).any() or (weight_P < 0).any():
        raise ValueError("log-odds must be finite, outcomes between 0 and 1, weights not negative")
    return stated_P, observed_P, weight_P


def pairwise_calibration(
    member_PS: ArrayLike,
    people_P2: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    crossed: Sequence[Hashable] | None = None,
) -> Estimate:
    """The mean square gap between the share of members and the share of people that prefer the first of P pairs.

    member_PS   each member's score of the first less that of the second; 0 is half a preference
    people_P2   how many people preferred the first, and how many the second; a tie is half of each. Two people at least
    clusters    what was sampled independently, by pair (a prompt, a text); `crossed` with others, as in `stats.mean`

    From each pair's square is taken what it would be on average if members and people were drawn from shares alike: an
    unbiased estimate of the variance of each share, p (1 - p) / (n - 1) of the n people and of S independent members.
    Draws from a posterior, of which there are 16 or more, are opposite two by two (`Scores.members_NS`: s and
    s + S / 2), and their share varies by the half of S independent means of two. So 0 is what a calibrated ensemble of
    any size has, and single pairs may be below it. With one member, which has no share, nothing is taken off for it:
    its distance from a spread of opinions is real. Raises `ValueError` where shapes do not agree,
    there are no pairs, or fewer than two people of a pair.
    """
    margin_PS, count_P2 = np.asarray(member_PS, dtype=np.float64), np.asarray(people_P2, dtype=np.float64)
    if margin_PS.ndim != 2 or count_P2.shape != (len(margin_PS), 2) or not margin_PS.size:
        raise ValueError(f"members' margins of shape {margin_PS.shape} and people of shape {count_P2.shape}")
    people_P = count_P2.sum(1)
    if (people_P < 2).any():
        raise ValueError("a pair that fewer than two people judged has no share of them; leave it out")
    share_PS = (margin_PS > 0) + 0.5 * (margin_PS == 0)
    members_P, share_P = share_PS.mean(1), count_P2[:, 0] / people_P
    by_chance_P = share_P * (1 - share_P) / (people_P - 1)
    if margin_PS.shape[1] > 1:
        by_chance_P = by_chance_P + _by_chance(share_PS)
    return mean((members_P - share_P) ** 2 - by_chance_P, clusters, crossed=crossed)


def _by_chance(share_PS: Floats) -> Floats:
    """The variance of the mean of members, [P]: of independent ones, or of draws of which s and s + S / 2 are opposite.

    Means of two independent members are independent too, so that this is right for many members of either sort.
    """
    size = share_PS.shape[1]
    if size >= LEAST_DRAWS and size % 2 == 0:
        share_PS = (share_PS[:, : size // 2] + share_PS[:, size // 2 :]) / 2
    variance_P: Floats = share_PS.var(1, ddof=1) / share_PS.shape[1]
    return variance_P
