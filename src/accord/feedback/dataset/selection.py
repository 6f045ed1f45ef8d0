"""Which of a ledger's feedback a run reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from accord.errors import RecipeError, nearest
from accord.feedback.store.stored_records import subset
from accord.records import Evaluator, Feedback

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """Conditions that feedback must meet, all of them; None stands for no condition.

    studies           names of studies
    kinds             kinds of judgement (`comparison`, `rating`, ...)
    evaluator_kinds   kinds of evaluator (`person`, `model`, `rule`, `simulated`)
    rounds            numbers of rounds
    exclude           ids of evaluators (`e-...`), ids of feedback (`f-...`) or names of studies that are left out
    """

    studies: Collection[str] | None = None
    kinds: Collection[str] | None = None
    evaluator_kinds: Collection[str] | None = None
    rounds: Collection[int] | None = None
    exclude: Collection[str] = ()

    def of(self, feedback: Sequence[Feedback], evaluators: Mapping[str, Evaluator]) -> Sequence[Feedback]:
        """The feedback that meets the conditions, in its order.

        What a later record took back stays taken back where that record is not selected itself. Raises `RecipeError`
        where a study or an entry of `exclude` is in none of the feedback, or where feedback is there and none is left.
        """
        if self == Selection():
            return feedback
        studies: set[str] = set()
        excluded: set[str] = set()
        taken_back: set[str] = set()
        keep = bytearray()
        for record in feedback:
            if record.study is not None:
                studies.add(record.study)
            excluded |= {record.id, record.evaluator} & set(self.exclude)
            keep.append(self._holds(record, evaluators[record.evaluator]))
            if not keep[-1] and record.replaces is not None:
                taken_back.add(record.replaces)
        self._check_names(sorted(studies), excluded)
        if all(keep):
            return feedback
        selected = subset(feedback, keep)
        if taken_back:
            selected = subset(selected, [record.id not in taken_back for record in selected])
        if not selected:
            raise RecipeError(
                f"recipe.data: {self._conditions()} leave nothing of {len(feedback):,} records of feedback"
            )
        return selected

    def _holds(self, feedback: Feedback, evaluator: Evaluator) -> bool:
        return (
            (self.studies is None or feedback.study in self.studies)
            and (self.kinds is None or feedback.judgement.kind in self.kinds)
            and (self.evaluator_kinds is None or evaluator.kind in self.evaluator_kinds)
            and (self.rounds is None or feedback.round in self.rounds)
            and not {feedback.evaluator, feedback.id, feedback.study} & set(self.exclude)
        )

    def _check_names(self, studies: list[str], ids: Collection[str]) -> None:
        """Raises `RecipeError` for a name that is none of these studies (to be left out: nor of these ids)."""
        for name in self.studies or ():
            if name not in studies:
                raise RecipeError(f"recipe.data.studies: no feedback is of the study '{name}'{_known(name, studies)}")
        for name in self.exclude:
            if name not in ids and name not in studies:
                raise RecipeError(
                    f"recipe.data.exclude: '{name}' is no id of an evaluator or of feedback in the ledger, and no study"
                    f"{_known(name, studies)}"
                )

    def _conditions(self) -> str:
        return ", ".join(name for name, value in vars(self).items() if value)


def _known(name: str, studies: list[str]) -> str:
    return nearest(name, studies) if studies else ""
