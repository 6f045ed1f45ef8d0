"""Asking: people through a study and its desk, programs that judge, and contrasts that need nobody to."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.collect.contrast import Contrast, Contrasted
    from accord.collect.desk import Desk
    from accord.collect.items import digest_of
    from accord.collect.programs import ProgramAsker, Verdict, compare_by
    from accord.collect.questions import Question, question_of, read_form, steps_of
    from accord.collect.study import Kind, Pay, Stop, Study
    from accord.collect.types import (
        Accepted,
        Break,
        Disputed,
        Done,
        Flag,
        Invite,
        ItemProgress,
        Loaded,
        Login,
        Next,
        Note,
        Paused,
        Person,
        PersonProgress,
        Practice,
        Practised,
        Progress,
        Seen,
        Share,
        Task,
    )

_HOME = {
    "Accepted": "types",
    "Break": "types",
    "Contrast": "contrast",
    "Contrasted": "contrast",
    "Desk": "desk",
    "Disputed": "types",
    "Done": "types",
    "Flag": "types",
    "Invite": "types",
    "ItemProgress": "types",
    "Kind": "study",
    "Loaded": "types",
    "Login": "types",
    "Next": "types",
    "Note": "types",
    "Paused": "types",
    "Pay": "study",
    "Person": "types",
    "PersonProgress": "types",
    "Practice": "types",
    "Practised": "types",
    "ProgramAsker": "programs",
    "Progress": "types",
    "Question": "questions",
    "Seen": "types",
    "Share": "types",
    "Stop": "study",
    "Study": "study",
    "Task": "types",
    "Verdict": "programs",
    "compare_by": "programs",
    "digest_of": "items",
    "question_of": "questions",
    "read_form": "questions",
    "steps_of": "questions",
}

__all__ = [
    "Accepted",
    "Break",
    "Contrast",
    "Contrasted",
    "Desk",
    "Disputed",
    "Done",
    "Flag",
    "Invite",
    "ItemProgress",
    "Kind",
    "Loaded",
    "Login",
    "Next",
    "Note",
    "Paused",
    "Pay",
    "Person",
    "PersonProgress",
    "Practice",
    "Practised",
    "ProgramAsker",
    "Progress",
    "Question",
    "Seen",
    "Share",
    "Stop",
    "Study",
    "Task",
    "Verdict",
    "compare_by",
    "digest_of",
    "question_of",
    "read_form",
    "steps_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
