"""Texts before and after, by a rule that leaves nobody a choice."""

from dataclasses import dataclass

from accord.artefacts import EVALUATION_SAMPLES, PROMPTS, EvaluationSample, RunReader
from accord.report.optional import rows_of_file

__all__ = ["FILE", "SHOWN", "Text", "Twin", "twins"]

SHOWN = 8
FILE = EVALUATION_SAMPLES.path()


@dataclass(frozen=True)
class Text:
    """A text that was sampled. `reward` and `eval_reward` are None without such a model, `ended` where unknown."""

    text: str
    reward: float | None
    eval_reward: float | None
    ended: bool | None


@dataclass(frozen=True)
class Twin:
    """A text of the start and one of the policy, both in answer to `prompt`. One is None where an arm has too few."""

    prompt: str
    start: Text | None
    policy: Text | None


def twins(reader: RunReader) -> list[Twin]:
    """The first sample of each held-out prompt in the order of the file, then the second of each, up to `SHOWN`."""
    groups: dict[str, dict[str, list[EvaluationSample]]] = {}
    for row in rows_of_file(reader, EVALUATION_SAMPLES):
        groups.setdefault(row.prompt, {}).setdefault(row.arm, []).append(row)
    questions = {row.prompt.id: row.prompt.messages[-1].content for row in rows_of_file(reader, PROMPTS)}
    most = max((len(rows) for arms in groups.values() for rows in arms.values()), default=0)
    pairs = [
        Twin(questions.get(name, name), _text(arms.get("start", []), turn), _text(arms.get("policy", []), turn))
        for turn in range(most)
        for name, arms in groups.items()
        if any(turn < len(rows) for rows in arms.values())
    ]
    return pairs[:SHOWN]


def _text(rows: list[EvaluationSample], turn: int) -> Text | None:
    if turn >= len(rows):
        return None
    row = rows[turn]
    ended = None if row.finish_reason is None else row.finish_reason != "length"
    return Text(row.text, row.reward, row.eval_reward, ended)
