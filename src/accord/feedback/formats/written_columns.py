"""What the formats of tables write alike: the columns that every format reads, and what a prompt and an answer say."""

from collections.abc import Iterable
from typing import Any

from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.provenance import is_known
from accord.records import Comparison, Completion, Evaluator, Message, Prompt

__all__ = [
    "KEPT_COLUMNS",
    "KEPT_MESSAGES",
    "answer_messages",
    "begin_alike",
    "common_columns",
    "present",
    "single_text",
]

KEPT_COLUMNS = frozenset({"evaluator", "time", "seconds", "session", "round", "strength"})
"""What `common_columns` keeps, by the names of `KEEPABLE`."""
KEPT_MESSAGES = frozenset({"system", "several turns", "tool calls", "attachments", "names in messages"})
"""What lists of messages keep, by the same names."""


def common_columns(item: JudgedItem, outgoing: Outgoing, form: str, *, study: str | None = None) -> dict[str, Any]:
    """Who judged, when, in which sitting and study, how strongly: those of the common columns that say something.

    What the format `form` says of itself when it is read (its own name as study and pool) is left out. `study` stands
    for the feedback's where other columns tell what was asked.
    """
    feedback, evaluator = item.feedback, item.evaluator
    study = feedback.study if study is None else study
    columns = {
        "time": None if feedback.time is None else feedback.time.isoformat(),
        "seconds": feedback.seconds,
        "session": feedback.session,
        "round": feedback.round,
        "study": None if study == form else study,
        "strength": feedback.judgement.strength if isinstance(feedback.judgement, Comparison) else None,
    }
    if is_known(evaluator):
        columns["evaluator"] = evaluator.pseudonym
        columns["evaluator_kind"] = None if evaluator.kind == "person" else evaluator.kind
        columns["pool"] = None if evaluator.pool == form else evaluator.pool
        if _says_more(evaluator):
            outgoing.lose("what evaluators say of themselves")
    return present(columns | outgoing.origin(feedback))


def _says_more(who: Evaluator) -> bool:
    return any(part is not None for part in (who.attributes, who.recruitment, who.payment, who.training, who.inferred))


def present(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns that hold something."""
    return {name: value for name, value in columns.items() if value is not None}


def answer_messages(answer: Completion) -> list[dict[str, Any]]:
    """An answer as a list of messages: its turns, or one of the assistant."""
    return dicts_of(answer.turns or (Message(role="assistant", content=answer.text),))


def single_text(prompt: Prompt, answers: Iterable[Completion], outgoing: Outgoing) -> str | None:
    """The prompt where it is one text of the user, and the answers one text each; else None, and counted as lost."""
    if len(prompt.messages) != 1 or prompt.messages[0].role != "user" or not prompt.messages[0].plain:
        outgoing.lose("prompts that are conversations")
        return None
    if any(answer.turns is not None for answer in answers):
        outgoing.lose("answers of several messages")
        return None
    return prompt.messages[0].content


def begin_alike(first: Completion, second: Completion) -> bool:
    """Whether two answers begin with the same message, so that a row of whole conversations takes it for the prompt."""
    return answer_messages(first)[0] == answer_messages(second)[0]
