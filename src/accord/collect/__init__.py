"""Asking: people through a study and its desk, programs that judge, and contrasts that need nobody to."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.collect.desk.service import Desk
    from accord.collect.desk.types import (
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
    from accord.collect.sources.contrast import Contrast, Contrasted
    from accord.collect.sources.programs import ProgramAsker, Verdict, compare_by
    from accord.collect.study import KINDS, Pay, Question, Stop, Study, shown_digest

_HOME = {
    "Accepted": "desk.types",
    "Break": "desk.types",
    "Contrast": "sources.contrast",
    "Contrasted": "sources.contrast",
    "Desk": "desk.service",
    "Disputed": "desk.types",
    "Done": "desk.types",
    "Flag": "desk.types",
    "Invite": "desk.types",
    "ItemProgress": "desk.types",
    "KINDS": "study",
    "Loaded": "desk.types",
    "Login": "desk.types",
    "Next": "desk.types",
    "Note": "desk.types",
    "Paused": "desk.types",
    "Pay": "study",
    "Person": "desk.types",
    "PersonProgress": "desk.types",
    "Practice": "desk.types",
    "Practised": "desk.types",
    "ProgramAsker": "sources.programs",
    "Progress": "desk.types",
    "Question": "study",
    "Seen": "desk.types",
    "Share": "desk.types",
    "Stop": "study",
    "Study": "study",
    "Task": "desk.types",
    "Verdict": "sources.programs",
    "compare_by": "sources.programs",
    "shown_digest": "study",
}

__all__ = [
    "KINDS",
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
    "shown_digest",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
