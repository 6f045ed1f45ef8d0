"""Runs of verl: generations that it wrote down, and its metrics, as JSON lines or for TensorBoard."""

from collections.abc import Iterable
from pathlib import Path

from accord.artefacts import (
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    PROMPTS,
    SAMPLES,
    EvaluationSample,
    pairs_of,
)
from accord.foreign.gathered import Gathered
from accord.foreign.generations import Generation, Generations, generation_folders, read_generations, told_apart
from accord.foreign.judges import chosen_judge
from accord.foreign.registry import TOOLS, WORDS, Tool
from accord.foreign.scores import ScoredText, judged, rollouts, scaled
from accord.foreign.settings import ReadingSettings
from accord.foreign.verl_metrics import add_metrics, metric_event_folders, metric_files
from accord.records import Prompt

__all__ = ["read"]

OWN_WORDS = {
    METRICS.path("policy"): "verl's metrics (`trainer.logger` with `file` or `tensorboard`)",
    SAMPLES.path("policy"): "rollouts (`trainer.rollout_data_dir`), which verl writes without token ids",
    EVALUATION_SAMPLES.path(): "validations before training and after (`trainer.validation_data_dir`, "
    "`trainer.val_before_train`)",
    JUDGED_ROLLOUTS.path(): "a column of scores that the policy is not trained on (return it from the reward function "
    "beside the score, and name it by `--judge COLUMN`)",
    PROMPTS.path(): "rollouts (`trainer.rollout_data_dir`)",
    pairs_of("train").path(): "rollouts (`trainer.rollout_data_dir`)",
    pairs_of("held_out").path(): "validations (`trainer.validation_data_dir`)",
}


def found_in(folder: Path) -> str:
    """What of a verl run is there."""
    found = [f"generations in {place.name or place}" for place in generation_folders(folder)]
    found += [f"metrics in {path.name}" for path in metric_files(folder)]
    found += [f"metrics for TensorBoard in {place.name}" for place in metric_event_folders(folder)]
    return ", ".join(found)


def read(folder: Path, settings: ReadingSettings) -> Gathered:
    """What a folder of verl's says. Raises `RecordError` that names file and line where something is malformed."""
    gathered = Gathered()
    trained, validated = told_apart(map(read_generations, generation_folders(folder)))
    for each in (trained, validated):
        if each is not None:
            _tell(each, gathered)
    columns = tuple(dict.fromkeys(name for each in (trained, validated) if each for name in each.columns))
    judge = chosen_judge(settings.judge, columns, {}, gathered)
    if trained is not None:
        _add_rollouts(trained, judge, gathered)
    if validated is not None:
        _add_validations(validated, judge, gathered)
    add_metrics(folder, trained, gathered)
    return gathered


def _tell(generations: Generations, gathered: Gathered) -> None:
    kind = "validations" if generations.is_validation else "rollouts"
    beside = f"; beside the score: {', '.join(generations.columns)}" if generations.columns else ""
    place = generations.folder.name or str(generations.folder)
    gathered.note(f"{len(generations.rows)} {kind} of {len(generations.steps)} steps in {place}{beside}.")
    cut = generations.unfinished
    gathered.note(f"The last line of {cut} files is not whole yet and was left out." if cut else "")


def _texts(rows: Iterable[Generation], split: str, gathered: Gathered) -> list[ScoredText]:
    return [
        ScoredText(row.step, gathered.prompt(Prompt.ask(row.input), split), row.output, row.score, row.scores)
        for row in rows
    ]


def _add_rollouts(generations: Generations, judge: str | None, gathered: Gathered) -> None:
    texts = _texts((row for row in generations.rows if row.step >= 1), "train", gathered)
    gathered.rollouts = rollouts(texts)
    gathered.comes_from(SAMPLES, generations.files, "policy")
    if judge is not None and (rows := judged(texts, judge)):
        gathered.judged = rows
        gathered.comes_from(JUDGED_ROLLOUTS, generations.files)


def _add_validations(generations: Generations, judge: str | None, gathered: Gathered) -> None:
    """The first validation as the start's samples, where it is of step 0; the last one as the policy's."""
    texts = _texts(generations.rows, "held_out", gathered)
    last = generations.steps[-1] if generations.rows else 0
    arms = {0: "start", last: "policy"} if last else {0: "start"}
    kept = [text for text in texts if text.step in arms]
    steps = [text.step for text in kept]
    rewards = scaled([text.reward for text in kept], steps) if all(t.reward is not None for t in kept) else None
    scores = [None if judge is None else text.scores.get(judge) for text in kept]
    opinions = scaled(scores, steps) if None not in scores else None
    gathered.samples = [
        EvaluationSample(
            arm=arms[text.step],
            index=index,
            prompt=text.prompt,
            text=text.text,
            reward=None if rewards is None else rewards[index],
            eval_reward=None if opinions is None else opinions[index],
        )
        for index, text in enumerate(kept)
    ]
    gathered.comes_from(EVALUATION_SAMPLES, generations.files)
    if 0 not in steps:
        gathered.note("No validation is of step 0 (`trainer.val_before_train`), so the start's samples are lacking.")
    if judge is not None and not gathered.judged:
        gathered.judged = judged(texts, judge)
        gathered.comes_from(JUDGED_ROLLOUTS, generations.files)


LOOKS_FOR = "STEP.jsonl of generations, or verl's metrics, in it or in a folder below"
TOOLS.add("verl", Tool("verl", "verl", LOOKS_FOR, found_in, read, WORDS | OWN_WORDS))
