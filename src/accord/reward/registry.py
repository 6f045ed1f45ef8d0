"""The kinds of reward, by name."""

from typing import TypeVar

from accord.errors import ExtensionError, RecipeError
from accord.registry import Registry
from accord.reward.kinds.abstention import AbstentionReward
from accord.reward.kinds.answer import AnswerReward
from accord.reward.kinds.bradley_terry import BradleyTerry
from accord.reward.kinds.brier import BrierReward
from accord.reward.kinds.classifier import Classifier
from accord.reward.kinds.correction import CorrectionReward
from accord.reward.kinds.critique import CritiqueReward
from accord.reward.kinds.cumulative_rating import CumulativeRating
from accord.reward.kinds.demonstration import DemonstrationReward
from accord.reward.kinds.distributional import Distributional
from accord.reward.kinds.format import FormatReward
from accord.reward.kinds.inverse_rl import InverseRL
from accord.reward.kinds.joint import Joint
from accord.reward.kinds.json_schema import JsonSchemaReward
from accord.reward.kinds.label_logistic import LabelLogistic
from accord.reward.kinds.length import LengthReward
from accord.reward.kinds.overlap import BleuReward, RougeReward
from accord.reward.kinds.person import PersonReward
from accord.reward.kinds.plackett_luce import PlackettLuce
from accord.reward.kinds.python import PythonReward
from accord.reward.kinds.rating_regression import RatingRegressionReward
from accord.reward.kinds.soup import Soup
from accord.reward.kinds.spans import SpanReward
from accord.reward.kinds.specification import Specification
from accord.reward.kinds.steps import StepReward
from accord.reward.kinds.text_comparison import TextComparison
from accord.reward.kinds.thurstone import Thurstone
from accord.reward.kinds.unit_tests import UnitTestsReward
from accord.reward.settings import RewardSettings

__all__ = ["REWARDS", "register"]

S = TypeVar("S", bound=RewardSettings)

REWARDS: Registry[type[RewardSettings]] = Registry("kind of reward", error=RecipeError)
"""Settings classes by `kind`."""


def register(settings: type[S]) -> type[S]:
    """Make a kind of reward known to recipes; may be used as a decorator of the settings class.

    Raises `ExtensionError` where the class says no kind, or another has the same one.
    """
    field = settings.model_fields.get("kind")
    if field is None or not isinstance(field.default, str):
        raise ExtensionError(f"{settings.__name__} gives `kind` no default; write kind: Literal['mine'] = 'mine'")
    REWARDS.add(field.default, settings)
    return settings


register(BradleyTerry)
register(FormatReward)
register(AnswerReward)
register(UnitTestsReward)
register(JsonSchemaReward)
register(AbstentionReward)
register(BrierReward)
register(BleuReward)
register(RougeReward)
register(LengthReward)
register(PythonReward)
register(Classifier)
register(Soup)
register(SpanReward)
register(StepReward)
register(CorrectionReward)
register(CritiqueReward)
register(CumulativeRating)
register(DemonstrationReward)
register(Distributional)
register(InverseRL)
register(Joint)
register(LabelLogistic)
register(PersonReward)
register(PlackettLuce)
register(RatingRegressionReward)
register(Thurstone)
register(TextComparison)
register(Specification)
