"""The metrics of an evaluation, by name."""

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.registry import Registry
from accord.reward.kinds.json_schema import JsonSchemaReward
from accord.reward.kinds.overlap import BleuReward, RougeReward
from accord.reward.metrics.distinct import DistinctMetric
from accord.reward.metrics.function import FunctionMetric
from accord.reward.metrics.lengths import LengthMetric
from accord.reward.metrics.matching import ExactMatchMetric, TestsMetric

with deferred():
    from accord.reward.settings import RewardSettings

__all__ = ["METRICS"]

METRICS: Registry[type[RewardSettings]] = Registry("metric", error=RecipeError)
"""Settings classes by `kind`."""

METRICS.add("length", LengthMetric)
METRICS.add("distinct", DistinctMetric)
METRICS.add("exact_match", ExactMatchMetric)
METRICS.add("tests", TestsMetric)
METRICS.add("json_schema", JsonSchemaReward)
METRICS.add("bleu", BleuReward)
METRICS.add("rouge", RougeReward)
METRICS.add("python", FunctionMetric)
