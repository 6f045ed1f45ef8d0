"""What whoever runs the study looks up: items, answers and people, one by one or a page of them; nothing changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from accord.collect.desk.agreement import (
    AgreementMatrix,
    CurvePoint,
    agreement_matrix,
    agreement_with,
    work_curve,
)
from accord.collect.desk.answer_search import AnswerPage, FoundAnswer, answers_to, find_answers
from accord.collect.desk.answer_view import AnswerView, answer_view
from accord.collect.desk.context import Context
from accord.collect.desk.item_search import FoundItem, ItemPage, find_items, item_by_id
from accord.collect.desk.names import Identity, identities_of, may_see_names
from accord.collect.desk.search_filters import AnswerFilter, ItemFilter
from accord.stats import Estimate

__all__ = ["Lookup"]


@dataclass(frozen=True)
class Lookup:
    """A study's items, answers and people, as whoever runs it sees them. Every method is one transaction that reads."""

    context: Context

    def items(self, filters: ItemFilter, page: int = 1) -> ItemPage:
        """A page of the items that `filters` ask for."""
        return find_items(self.context, filters, page)

    def item(self, name: str) -> FoundItem | None:
        """An item with how far it is; None where none is called so."""
        return item_by_id(self.context, name)

    def answers(self, filters: AnswerFilter, page: int = 1, *, by_names: bool = False) -> AnswerPage:
        """A page of the answers that `filters` ask for; `by_names`: people are found by name, contact and note too."""
        return find_answers(self.context, filters, page, by_names=by_names)

    def answers_to(self, item: str) -> tuple[FoundAnswer, ...]:
        """All that people did with an item."""
        return answers_to(self.context, item)

    def answer(self, reservation: str) -> AnswerView | None:
        """One answer with its item as the person saw it; None where there is none."""
        return answer_view(self.context, reservation)

    def agreement(self, question: str = "") -> AgreementMatrix:
        """How each two people agree on a question. Raises `FormError` where none is called so."""
        return agreement_matrix(self.context, question)

    def agreement_with(self, pseudonym: str) -> Mapping[str, Estimate]:
        """How somebody agrees with each other person, over all questions."""
        return agreement_with(self.context, pseudonym)

    def work_curve(self, pseudonym: str) -> tuple[CurvePoint, ...]:
        """Somebody's speed and agreement over time."""
        return work_curve(self.context, pseudonym)

    def may_see_names(self, admin: str) -> bool:
        """Whether somebody who runs the study may see who its people are."""
        return may_see_names(self.context, admin)

    def identities(self, by: str) -> Mapping[str, Identity]:
        """Who people are, by pseudonym, for the admin `by`. Raises `AccessError` without the right."""
        return identities_of(self.context, by)
