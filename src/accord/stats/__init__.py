"""Every number with its interval and its n.

    mean         a mean or ratio: t over clusters, its skewness removed
    rate         a share of clustered observations: within 0..1, never surer than its counts
    rate_difference  of two shares of the same people and texts
    difference_of    of two numbers that were estimated apart
    proportion   a share of independent observations
    median       between order statistics
    jackknife    any other smooth statistic
    calibration_error

Clusters are the units that were sampled (a session, a person, a prompt). Where people and texts cross, both are
handed in. Nothing here draws at random but `calibration_error`, which always draws the same.
"""

from accord.stats.calibration import calibration_error, expected_calibration_error
from accord.stats.clusters import Units
from accord.stats.differences import difference_of, rate_difference
from accord.stats.estimate import Estimate
from accord.stats.jackknife import jackknife
from accord.stats.means import mean, median, proportion, rate, rate_of

__all__ = [
    "Estimate",
    "Units",
    "calibration_error",
    "difference_of",
    "expected_calibration_error",
    "jackknife",
    "mean",
    "median",
    "proportion",
    "rate",
    "rate_difference",
    "rate_of",
]
