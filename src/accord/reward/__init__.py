"""Rewards: what people prefer, learnt; functions of one's own; models of others; and the card of how good each is."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.reward.card.held_out_calibration import calibrate_on_held_out, load_calibration
    from accord.reward.card.measure import evaluate
    from accord.reward.card.pairs import accuracy, baselines, calibration
    from accord.reward.card.scored import SplitScores, score_split
    from accord.reward.combine import COMBINATIONS, Combination, register_combination
    from accord.reward.combined import CombinedJudge, MixedJudge
    from accord.reward.dense import ByToken
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
    from accord.reward.kinds.person import PersonJudge, PersonReward
    from accord.reward.kinds.plackett_luce import PlackettLuce
    from accord.reward.kinds.python import FunctionJudge, PythonReward
    from accord.reward.kinds.rating_regression import RatingRegressionReward
    from accord.reward.kinds.soup import Soup
    from accord.reward.kinds.spans import SpanReward
    from accord.reward.kinds.specification import Specification
    from accord.reward.kinds.steps import StepReward
    from accord.reward.kinds.text_comparison import TextComparison
    from accord.reward.kinds.thurstone import Thurstone
    from accord.reward.kinds.unit_tests import UnitTestsReward
    from accord.reward.learnt import LearntReward
    from accord.reward.likelihoods import (
        bradley_terry,
        choice,
        counted_choice,
        davidson,
        gaussian,
        graded_comparison,
        lapsed,
        logistic,
        maximum_entropy,
        noise_contrast,
        noise_corrected,
        normal_rating,
        ordinal_rating,
        plackett_luce,
        rao_kupper,
        thurstone,
        with_margin,
    )
    from accord.reward.posterior.calibration import Calibration
    from accord.reward.registry import REWARDS, register
    from accord.reward.settings import RewardSettings
    from accord.reward.soups import soup

_MODULES = {
    "card.measure": ("evaluate",),
    "card.pairs": ("accuracy", "baselines", "calibration"),
    "card.held_out_calibration": ("calibrate_on_held_out", "load_calibration"),
    "card.scored": ("SplitScores", "score_split"),
    "combine": ("COMBINATIONS", "Combination", "register_combination"),
    "combined": ("CombinedJudge", "MixedJudge"),
    "dense": ("ByToken",),
    "kinds.bradley_terry": ("BradleyTerry",),
    "kinds.classifier": ("Classifier",),
    "kinds.distributional": ("Distributional",),
    "kinds.format": ("FormatReward",),
    "kinds.answer": ("AnswerReward",),
    "kinds.unit_tests": ("UnitTestsReward",),
    "kinds.json_schema": ("JsonSchemaReward",),
    "kinds.abstention": ("AbstentionReward",),
    "kinds.brier": ("BrierReward",),
    "kinds.overlap": ("BleuReward", "RougeReward"),
    "kinds.length": ("LengthReward",),
    "kinds.python": ("FunctionJudge", "PythonReward"),
    "kinds.soup": ("Soup",),
    "kinds.spans": ("SpanReward",),
    "kinds.specification": ("Specification",),
    "kinds.steps": ("StepReward",),
    "kinds.correction": ("CorrectionReward",),
    "kinds.critique": ("CritiqueReward",),
    "kinds.cumulative_rating": ("CumulativeRating",),
    "kinds.demonstration": ("DemonstrationReward",),
    "kinds.inverse_rl": ("InverseRL",),
    "kinds.joint": ("Joint",),
    "kinds.label_logistic": ("LabelLogistic",),
    "kinds.person": ("PersonJudge", "PersonReward"),
    "kinds.plackett_luce": ("PlackettLuce",),
    "kinds.rating_regression": ("RatingRegressionReward",),
    "kinds.text_comparison": ("TextComparison",),
    "kinds.thurstone": ("Thurstone",),
    "learnt": ("LearntReward",),
    "likelihoods": (
        "bradley_terry",
        "choice",
        "counted_choice",
        "davidson",
        "gaussian",
        "graded_comparison",
        "lapsed",
        "logistic",
        "maximum_entropy",
        "noise_contrast",
        "noise_corrected",
        "normal_rating",
        "ordinal_rating",
        "plackett_luce",
        "rao_kupper",
        "thurstone",
        "with_margin",
    ),
    "posterior.calibration": ("Calibration",),
    "registry": ("REWARDS", "register"),
    "settings": ("RewardSettings",),
    "soups": ("soup",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "COMBINATIONS",
    "REWARDS",
    "AbstentionReward",
    "AnswerReward",
    "BleuReward",
    "BradleyTerry",
    "BrierReward",
    "ByToken",
    "Calibration",
    "Classifier",
    "Combination",
    "CombinedJudge",
    "CorrectionReward",
    "CritiqueReward",
    "CumulativeRating",
    "DemonstrationReward",
    "Distributional",
    "FormatReward",
    "FunctionJudge",
    "InverseRL",
    "Joint",
    "JsonSchemaReward",
    "LabelLogistic",
    "LearntReward",
    "LengthReward",
    "MixedJudge",
    "PersonJudge",
    "PersonReward",
    "PlackettLuce",
    "PythonReward",
    "RatingRegressionReward",
    "RewardSettings",
    "RougeReward",
    "Soup",
    "SpanReward",
    "Specification",
    "SplitScores",
    "StepReward",
    "TextComparison",
    "Thurstone",
    "UnitTestsReward",
    "accuracy",
    "baselines",
    "bradley_terry",
    "calibrate_on_held_out",
    "calibration",
    "choice",
    "counted_choice",
    "davidson",
    "evaluate",
    "gaussian",
    "graded_comparison",
    "lapsed",
    "load_calibration",
    "logistic",
    "maximum_entropy",
    "noise_contrast",
    "noise_corrected",
    "normal_rating",
    "ordinal_rating",
    "plackett_luce",
    "rao_kupper",
    "register",
    "register_combination",
    "score_split",
    "soup",
    "thurstone",
    "with_margin",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
