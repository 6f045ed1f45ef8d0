"""Runs of TRL: its trainers' log, GRPO's tables of completions, and samples that a callback kept."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from accord.artefacts import (
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    MODEL,
    PROMPTS,
    SAMPLES,
)
from accord.foreign.checkpoint import holds_classifier, holds_model
from accord.foreign.completion_tables import Completions, read_tables, table_files
from accord.foreign.gathered import Gathered
from accord.foreign.judges import chosen_judge
from accord.foreign.registry import TOOLS, WORDS, Tool
from accord.foreign.reward_weights import weights_of
from accord.foreign.scores import ScoredText, judged, rollouts
from accord.foreign.settings import ReadingSettings
from accord.foreign.trainer_state import STATE, TrainerState, checkpoints, newest_state
from accord.foreign.written_samples import FILE, add_written_samples

__all__ = ["read"]

NOT_KEPT = "none are kept by TRL itself: the callback of docs/other-runs.md keeps them"
OWN_WORDS = {
    METRICS.path("policy"): f"steps of GRPO or RLOO in {STATE}",
    SAMPLES.path("policy"): "completions of GRPO (`log_completions=True`)",
    EVALUATION_SAMPLES.path(): f"samples of start and policy on held-out prompts ({NOT_KEPT})",
    JUDGED_ROLLOUTS.path(): "scores of completions by a judge that the policy is not trained on (a reward function of "
    "weight 0 in `reward_weights`, or `--judge COLUMN`, of GRPO with `log_completions=True`; or the callback of "
    "docs/other-runs.md)",
    PROMPTS.path(): "prompts (GRPO's `log_completions=True`, `--preferences FILE`, or the callback of "
    "docs/other-runs.md)",
    MODEL.path("policy"): "a checkpoint of the step whose samples the callback of docs/other-runs.md kept",
}


def found_in(folder: Path) -> str:
    """What of a TRL run is there."""
    found = []
    if state := newest_state(folder):
        found.append(str(state.relative_to(folder)))
    if files := table_files(folder):
        found.append(f"{len(files)} tables in completions/")
    if (folder / FILE).is_file():
        found.append(FILE)
    return ", ".join(found)


def read(folder: Path, settings: ReadingSettings) -> Gathered:
    """What a folder of TRL's says. Raises `RecordError` that names file and line where something is malformed."""
    gathered = Gathered()
    place = newest_state(folder)
    state = None if place is None else TrainerState.read(place)
    files = table_files(folder)
    completions = read_tables(files, frozenset() if state is None else state.evaluated) if files else None
    if completions is not None:
        _add_completions(completions, state, settings, gathered)
    if state is not None:
        _add_metrics(state, completions, gathered)
        _add_reward_model(folder, state, gathered)
    last = add_written_samples(folder, gathered)
    if last:
        _add_model(folder, last, gathered)
    return gathered


def _add_metrics(state: TrainerState, completions: Completions | None, gathered: Gathered) -> None:
    samples = Counter(row.step for row in completions.rows) if completions is not None else {}
    gathered.metrics, lost = state.metrics(samples)
    gathered.comes_from(METRICS, [state.path], "policy")
    kind = f"a log of {state.kind}" if state.kind else "a log without any of TRL's columns"
    gathered.note(f"{state.path.name} of step {state.step}: {kind}, {len(state.log)} steps.")
    gathered.note(f"{lost} steps were left out: their loss or margin is no finite number." if lost else "")


def _add_completions(
    completions: Completions, state: TrainerState | None, settings: ReadingSettings, gathered: Gathered
) -> None:
    """The completions as rollouts, and as judged ones where a judge of theirs is known."""
    gathered.comes_from(SAMPLES, completions.files, "policy")
    _tell(completions, gathered)
    weights = _weights(completions, state, settings)
    if weights is None:
        gathered.note(
            "What GRPO learnt from is not known: the log does not tell the weights of its reward functions apart."
        )
    texts = [
        ScoredText(
            row.step,
            gathered.prompt(row.prompt, "train"),
            row.text,
            None if weights is None else _sum_of(row.scores, weights),
            row.scores,
        )
        for row in completions.rows
    ]
    gathered.rollouts = rollouts(texts)
    judge = chosen_judge(settings.judge, completions.columns, weights or {}, gathered)
    if judge is not None:
        gathered.judged = judged(texts, judge)
        gathered.comes_from(JUDGED_ROLLOUTS, completions.files)


def _tell(completions: Completions, gathered: Gathered) -> None:
    steps = len({row.step for row in completions.rows})
    gathered.note(
        f"{len(completions.rows)} completions of {steps} steps; columns of scores: {', '.join(completions.columns)}."
    )
    left_out = {
        "hold what the one before holds": completions.repeated,
        "are of steps at which the run was evaluated, and mix both kinds of completions": completions.evaluated,
    }
    for why, number in left_out.items():
        gathered.note(f"{number} tables were left out: they {why}." if number else "")
    gathered.note("The last table is not whole yet and was left out." if completions.unfinished else "")


def _weights(
    completions: Completions, state: TrainerState | None, settings: ReadingSettings
) -> dict[str, float] | None:
    """What each column counts in what was learnt from; None where it cannot be told.

    Of one reward function it is that, of several what the log says of their means.
    """
    names = completions.columns if state is None or not state.rewards else state.rewards
    others = [name for name in names if name != settings.judge] if state is None else list(names)
    if len(others) == 1:
        return {others[0]: 1.0}
    if state is None:
        return None
    entries = [
        ({name: entry.get(f"rewards/{name}/mean") for name in names}, entry.get("reward"))
        for entry in state.log.values()
    ]
    known = [
        ({name: mean for name, mean in means.items() if mean is not None}, total)
        for means, total in entries
        if total is not None and None not in means.values()
    ]
    return weights_of([means for means, _ in known], [total for _, total in known])


def _sum_of(scores: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """The weighted sum of the scores that there are; None where there is none, as TRL has it."""
    known = [weight * score for name, weight in weights.items() if (score := scores.get(name)) is not None and weight]
    return sum(known) if known else None


def _add_reward_model(folder: Path, state: TrainerState, gathered: Gathered) -> None:
    """What a trainer of rewards learnt: its last checkpoint, or the model in the folder itself."""
    places = [folder, *reversed(checkpoints(folder).values())]
    place = next((each for each in places if holds_classifier(each)), None) if state.kind == "reward" else None
    if place is not None:
        gathered.models[MODEL.path("reward")] = place


def _add_model(folder: Path, step: int, gathered: Gathered) -> None:
    """The checkpoint of the step of the last samples, or the model in the folder itself where none is later."""
    there = checkpoints(folder)
    place = there.get(step) or (folder if not there or max(there) <= step else None)
    read = all(row.prompt_token_ids is not None for row in gathered.samples if row.arm == "policy")
    if place is not None and read and holds_model(place):
        gathered.models[MODEL.path("policy")] = place
        gathered.note(
            f"The model of step {step} is read from {place.name if place != folder else 'the folder itself'}."
        )


LOOKS_FOR = f"{STATE} in it or in checkpoint-N/, completions/, {FILE}"
TOOLS.add("trl", Tool("trl", "TRL", LOOKS_FOR, found_in, read, WORDS | OWN_WORDS))
