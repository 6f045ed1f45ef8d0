"""Samples that a callback keeps while other software trains, a line each: `audit_samples.jsonl`.

    step               0 before training, the last step at its end
    prompt, text       what was asked, as a text or messages; what was written
    prompt_token_ids   the prompt as the model read it
    token_ids          as sampled, with the end token
    rollout_logprobs   those of the sampler, nats a token; `logprobs` of a plain pass; `reference_logprobs` of the start
    finish_reason      eos, length or stop
    temperature        at which was sampled
    reward             what the policy is trained on; `eval_reward` what it is not

All but the first three may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accord.artefacts import EVALUATION_SAMPLES, EvaluationSample, FinishReason, JudgedRollout
from accord.feedback.formats.rows import SourceRow
from accord.foreign.cells import finite, number_in, step_in, text_in, texts_of
from accord.foreign.gathered import Gathered
from accord.foreign.running_lines import running_lines
from accord.foreign.scores import ScoredText, judged, scaled
from accord.records import Prompt

__all__ = ["FILE", "add_written_samples"]

FILE = "audit_samples.jsonl"
COLUMNS = frozenset(
    {"step", "prompt", "text", "prompt_token_ids", "token_ids", "rollout_logprobs", "logprobs", "reference_logprobs"}
    | {"finish_reason", "temperature", "reward", "eval_reward"}
)
JUDGE = "eval_reward"


@dataclass(frozen=True)
class _Written:
    """A line, its scores apart."""

    scored: ScoredText
    columns: Mapping[str, Any]


def add_written_samples(folder: Path, gathered: Gathered) -> int | None:
    """Add the samples of a run's folder, where it has some; the step of the last ones.

    Those of step 0 are the start's, those of the last step the policy's, and all of them tell how the judge's opinion
    went along. Raises `RecordError` that names line and column where one is malformed.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    lines, unfinished = running_lines(path)
    rows = [_read(line, gathered) for line in lines]
    steps = sorted({row.scored.step for row in rows})
    if not steps:
        gathered.note(f"{FILE} holds no sample yet.")
        return None
    gathered.note(f"{len(rows)} samples of {len(steps)} steps in {FILE}." + (_UNFINISHED if unfinished else ""))
    gathered.samples = _samples(rows, steps[-1])
    gathered.judged = _judged(rows) or gathered.judged
    gathered.comes_from(EVALUATION_SAMPLES, [path])
    return steps[-1]


_UNFINISHED = " Its last line is not whole yet and was left out."


def _judged(rows: Sequence[_Written]) -> list[JudgedRollout]:
    return judged([row.scored for row in rows], JUDGE)


def _samples(rows: Sequence[_Written], last: int) -> list[EvaluationSample]:
    """Both arms, their scores in each column's deviations."""
    arms = {0: "start", last: "policy"} if last else {0: "start"}
    kept = [row for row in rows if row.scored.step in arms]
    steps = [row.scored.step for row in kept]
    rewards = _known([row.scored.reward for row in kept], steps)
    opinions = _known([row.scored.scores.get(JUDGE) for row in kept], steps)
    return [
        EvaluationSample(
            arm=arms[row.scored.step],
            index=index,
            prompt=row.scored.prompt,
            text=row.scored.text,
            reward=None if rewards is None else rewards[index],
            eval_reward=None if opinions is None else opinions[index],
            **row.columns,
        )
        for index, row in enumerate(kept)
    ]


def _known(values: Sequence[float | None], steps: Sequence[int]) -> list[float] | None:
    """A column in its own deviations; None where a value is unknown, or all are equal."""
    return None if None in values else scaled(values, steps)


def _read(row: SourceRow, gathered: Gathered) -> _Written:
    if unknown := sorted(row.content.keys() - COLUMNS):
        raise row.bad(unknown[0], f"is no column of {FILE}; its columns are {', '.join(sorted(COLUMNS))}")
    messages = row.messages("prompt", role="user")
    texts_of((message.content for message in messages), f"{row.place} prompt")
    if not messages:
        raise row.bad("prompt", "empty")
    tokens = _ids(row, "token_ids")
    columns: dict[str, Any] = {"prompt_token_ids": _ids(row, "prompt_token_ids"), "token_ids": tokens}
    for name in ("rollout_logprobs", "logprobs", "reference_logprobs"):
        columns[name] = _logprobs(row, name, tokens)
    if row.has("finish_reason"):
        columns["finish_reason"] = _finish_reason(row)
    temperature = number_in(row, "temperature")
    if temperature is not None:
        if temperature < 0:
            raise row.bad("temperature", f"expected a number from 0 on, not {temperature:g}")
        columns["temperature"] = temperature
    scored = ScoredText(
        step_in(row),
        gathered.prompt(Prompt(messages=messages), "held_out"),
        text_in(row, "text"),
        number_in(row, "reward"),
        {JUDGE: number_in(row, JUDGE)},
    )
    return _Written(replace(scored, kl=_kl(columns)), columns)


def _finish_reason(row: SourceRow) -> FinishReason:
    return row.choice("finish_reason", "eos", "length", "stop")


def _ids(row: SourceRow, name: str) -> tuple[int, ...] | None:
    if row.content.get(name) is None:
        return None
    ids = row.items(name)
    if not all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 for value in ids):
        raise row.bad(name, "expected token ids: whole numbers from 0 on")
    return tuple(ids)


def _logprobs(row: SourceRow, name: str, tokens: tuple[int, ...] | None) -> tuple[float, ...] | None:
    """A log-probability a token. Raises `RecordError` where they are of another number, or one is none."""
    if row.content.get(name) is None:
        return None
    try:
        values = [finite(value) for value in row.items(name)]
    except TypeError as error:
        raise row.bad(name, str(error)) from None
    known = [value for value in values if value is not None and value <= 1e-6]
    if len(known) < len(values):
        raise row.bad(name, "expected log-probabilities: finite numbers, none above 0")
    if tokens is None or len(known) != len(tokens):
        raise row.bad(name, f"{len(known)} log-probabilities of {len(tokens or ())} tokens in `token_ids`")
    return tuple(known)


def _kl(columns: Mapping[str, Any]) -> float | None:
    if columns["logprobs"] is None or columns["reference_logprobs"] is None:
        return None
    return float(sum(columns["logprobs"]) - sum(columns["reference_logprobs"]))
