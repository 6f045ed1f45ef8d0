"""Asking: people through a study and its desk, programs that judge, and contrasts that need nobody to."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.collect.desk.identities import Admission, Invite, Login, Person
    from accord.collect.desk.overview import (
        DisputedItem,
        Flag,
        GroupShare,
        ItemProgress,
        ItemTotals,
        Note,
        PersonProgress,
        StudyProgress,
    )
    from accord.collect.desk.service import Desk
    from accord.collect.desk.tasks import (
        Break,
        ClientTelemetry,
        Done,
        NextStep,
        Paused,
        Practice,
        PracticeResult,
        Receipt,
        Speaking,
        Task,
    )
    from accord.collect.sources.contrast import ContrastSource
    from accord.collect.sources.program import ProgramSource, Verdict, compare_by
    from accord.collect.sources.programs import open_program
    from accord.collect.study import KINDS, Pay, Question, Stop, Study, shown_digest

_HOME = {
    "Admission": "desk.identities",
    "Break": "desk.tasks",
    "ClientTelemetry": "desk.tasks",
    "ContrastSource": "sources.contrast",
    "Desk": "desk.service",
    "DisputedItem": "desk.overview",
    "Done": "desk.tasks",
    "Flag": "desk.overview",
    "GroupShare": "desk.overview",
    "Invite": "desk.identities",
    "ItemProgress": "desk.overview",
    "ItemTotals": "desk.overview",
    "KINDS": "study",
    "Login": "desk.identities",
    "NextStep": "desk.tasks",
    "Note": "desk.overview",
    "Paused": "desk.tasks",
    "Pay": "study",
    "Person": "desk.identities",
    "PersonProgress": "desk.overview",
    "Practice": "desk.tasks",
    "PracticeResult": "desk.tasks",
    "ProgramSource": "sources.program",
    "Question": "study",
    "Receipt": "desk.tasks",
    "Speaking": "desk.tasks",
    "Stop": "study",
    "Study": "study",
    "StudyProgress": "desk.overview",
    "Task": "desk.tasks",
    "Verdict": "sources.program",
    "compare_by": "sources.program",
    "open_program": "sources.programs",
    "shown_digest": "study",
}

__all__ = [
    "KINDS",
    "Admission",
    "Break",
    "ClientTelemetry",
    "ContrastSource",
    "Desk",
    "DisputedItem",
    "Done",
    "Flag",
    "GroupShare",
    "Invite",
    "ItemProgress",
    "ItemTotals",
    "Login",
    "NextStep",
    "Note",
    "Paused",
    "Pay",
    "Person",
    "PersonProgress",
    "Practice",
    "PracticeResult",
    "ProgramSource",
    "Question",
    "Receipt",
    "Speaking",
    "Stop",
    "Study",
    "StudyProgress",
    "Task",
    "Verdict",
    "compare_by",
    "open_program",
    "shown_digest",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
