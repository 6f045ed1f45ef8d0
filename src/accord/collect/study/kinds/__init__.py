"""The kinds of judgement that a study can ask for, one file each; anybody may decline any of them."""

from typing import Annotated, get_args

from pydantic import Field

from accord.collect.study.kinds.base import ARRANGEMENT, MAX_REASON, Question
from accord.collect.study.kinds.comparison import TIE, ComparisonQuestion
from accord.collect.study.kinds.correction import CorrectionQuestion, corrected_to, edited_text
from accord.collect.study.kinds.critique import CritiqueQuestion
from accord.collect.study.kinds.demonstration import DemonstrationQuestion
from accord.collect.study.kinds.label import LabelQuestion
from accord.collect.study.kinds.ranking import RankingQuestion
from accord.collect.study.kinds.rating import RatingQuestion, number_text
from accord.collect.study.kinds.spans import SpansQuestion
from accord.collect.study.kinds.steps import StepsQuestion

__all__ = [
    "ARRANGEMENT",
    "KINDS",
    "MAX_REASON",
    "TIE",
    "AnyQuestion",
    "Question",
    "corrected_to",
    "edited_text",
    "number_text",
]

AnyQuestion = Annotated[
    ComparisonQuestion
    | RankingQuestion
    | RatingQuestion
    | LabelQuestion
    | SpansQuestion
    | StepsQuestion
    | CorrectionQuestion
    | CritiqueQuestion
    | DemonstrationQuestion,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[Question]] = {
    question.model_fields["kind"].default: question for question in get_args(get_args(AnyQuestion)[0])
}
"""The class of each kind, by the word that stands in a study file and in a judgement."""
