"""What a reward server of accord was asked while other software trained, a text a line: `accord_scores.jsonl`.

    asked            its number, from 0 on, in the order in which it was scored
    prompt           the messages of the prompt
    text             the answer, without the end of sequence
    ended            whether an end that is known stood behind it
    reward           what the policy learns from, with `reward_std`, `reward_members`, `reward_COMPONENT`
    eval_reward      what the independent judge makes of it, with the same beside it
    reward_version   a digest of what the reward is made of; `eval_reward_version`

A server is not told the training step. Where the trainer logged how many samples each step had, and their sum is the
number of texts, they stand for it; otherwise nothing is said of steps, and the texts are left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from accord.artefacts import JUDGED_ROLLOUTS, SAMPLES
from accord.feedback.formats.rows import SourceRow
from accord.foreign.cells import number_columns, number_in, text_in, texts_of
from accord.foreign.gathered import Gathered
from accord.foreign.judges import chosen_judge
from accord.foreign.running_lines import running_lines
from accord.foreign.scores import ScoredText, judged, rollouts
from accord.records import Prompt

__all__ = ["FILE", "JUDGE", "add_served_scores"]

FILE = "accord_scores.jsonl"
REWARD = "reward"
JUDGE = "eval_reward"
FIXED = ("asked", "prompt", "text", "ended", "reward", "reward_version", "eval_reward_version")


def add_served_scores(
    folder: Path, samples_of_step: Mapping[int, int | None], named_judge: str | None, gathered: Gathered
) -> None:
    """Add what a server was asked, where a run's folder has its file. `samples_of_step` is what the trainer logged.

    Raises `RecordError` that names line and column where one is malformed, `RecipeError` where the judge that was named
    is no column.
    """
    path = folder / FILE
    rows, unfinished = running_lines(path) if path.is_file() else ([], False)
    columns = tuple(number_columns((row.content for row in rows), but=FIXED))
    judge = chosen_judge(named_judge, columns, {REWARD: 1.0} | ({JUDGE: 0.0} if JUDGE in columns else {}), gathered)
    if not rows:
        return
    gathered.note(
        f"{len(rows)} texts that a reward server was asked about in {FILE}; beside the reward: {', '.join(columns)}."
        + (" Its last line is not whole yet and was left out." if unfinished else "")
    )
    _tell_versions(rows, gathered)
    steps = _steps(len(rows), samples_of_step, gathered)
    if steps is None:
        return
    texts = [_read(row, step, columns, gathered) for row, step in zip(rows, steps, strict=True)]
    gathered.rollouts = rollouts(texts)
    gathered.comes_from(SAMPLES, [path], "policy")
    if judge is not None and (found := judged(texts, judge)):
        gathered.judged = found
        gathered.comes_from(JUDGED_ROLLOUTS, [path])


def _tell_versions(rows: Sequence[SourceRow], gathered: Gathered) -> None:
    for name in (REWARD, JUDGE):
        versions = dict.fromkeys(str(row.content.get(f"{name}_version")) for row in rows)
        if len(versions) > 1:
            gathered.note(f"The texts were scored by {len(versions)} versions of '{name}': {', '.join(versions)}.")


def _steps(count: int, samples_of_step: Mapping[int, int | None], gathered: Gathered) -> list[int] | None:
    """The step of each text in the order in which they were scored; None where the log does not account for them."""
    counts = {step: number for step, number in sorted(samples_of_step.items()) if number}
    if len(counts) < len(samples_of_step) or sum(counts.values()) != count:
        logged = f"{sum(counts.values())} samples in {len(counts)} steps" if counts else "no number of samples a step"
        gathered.note(
            f"Which step each text is of is not known: the log has {logged}, and {count} texts were asked about (texts "
            "of evaluations, or requests that were sent twice). They were left out."
        )
        return None
    return [step for step, number in counts.items() for _ in range(number)]


def _read(row: SourceRow, step: int, columns: Sequence[str], gathered: Gathered) -> ScoredText:
    messages = row.messages("prompt", role="user")
    texts_of((message.content for message in messages), f"{row.place} prompt")
    if not messages:
        raise row.bad("prompt", "empty")
    scores = {name: number_in(row, name) for name in columns}
    prompt = gathered.prompt(Prompt(messages=messages), "train")
    return ScoredText(step, prompt, text_in(row, "text"), number_in(row, REWARD), scores)
