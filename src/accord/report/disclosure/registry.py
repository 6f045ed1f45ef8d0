"""The twelve items: five of human feedback, two of the reward model, one of the policy, four of what is around it."""

from collections.abc import Mapping

from accord.report.disclosure.item import Item
from accord.report.disclosure.items.answer_quality import ANSWER_QUALITY_ITEM
from accord.report.disclosure.items.audits import AUDITS_ITEM
from accord.report.disclosure.items.equity import EQUITY_ITEM
from accord.report.disclosure.items.evaluators import EVALUATORS_ITEM
from accord.report.disclosure.items.examples import EXAMPLES_ITEM
from accord.report.disclosure.items.kinds import KINDS_ITEM
from accord.report.disclosure.items.monitoring import MONITORING_ITEM
from accord.report.disclosure.items.objective import OBJECTIVE_ITEM
from accord.report.disclosure.items.policy_evaluation import POLICY_EVALUATION_ITEM
from accord.report.disclosure.items.pretraining import PRETRAINING
from accord.report.disclosure.items.reward_evaluation import REWARD_EVALUATION_ITEM
from accord.report.disclosure.items.risks import RISKS_ITEM
from accord.report.disclosure.questions import Question

__all__ = ["ITEMS", "questions_by_item"]

ITEMS: tuple[Item, ...] = (
    PRETRAINING,
    EVALUATORS_ITEM,
    EXAMPLES_ITEM,
    KINDS_ITEM,
    ANSWER_QUALITY_ITEM,
    OBJECTIVE_ITEM,
    REWARD_EVALUATION_ITEM,
    POLICY_EVALUATION_ITEM,
    AUDITS_ITEM,
    RISKS_ITEM,
    MONITORING_ITEM,
    EQUITY_ITEM,
)


def questions_by_item() -> Mapping[str, tuple[Question, ...]]:
    """What a person may state, by the item's name."""
    return {item.name: item.questions for item in ITEMS}
