"""Runs of OpenRLHF: what it logs for TensorBoard. Its samples go to trackers alone, one a step, prompt and all.

A reward server of accord keeps them (`accord serve-reward RUN --record`): `served_scores`.
"""

from collections.abc import Mapping
from pathlib import Path

from accord.artefacts import (
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    PROMPTS,
    SAMPLES,
    OnlineMetrics,
)
from accord.errors import ArtefactError
from accord.foreign.event_files import PATTERN, Events, event_folders, read_events
from accord.foreign.gathered import Gathered
from accord.foreign.registry import TOOLS, WORDS, Tool
from accord.foreign.served_scores import FILE as SERVED
from accord.foreign.served_scores import add_served_scores
from accord.foreign.settings import ReadingSettings

__all__ = ["read"]

Entry = Mapping[str, float | None]
ONLINE = frozenset({"train/rollout/reward_mean", "train/policy_loss"})
PAIRWISE = frozenset({"train/chosen_reward", "train/reject_reward"})
"""Of DPO and of reward models alike."""
NO_SAMPLES = "OpenRLHF writes none into files; `accord serve-reward RUN --record FOLDER` keeps what it scores"
OWN_WORDS = {
    METRICS.path("policy"): "steps of PPO, or of another of its algorithms that samples, for TensorBoard "
    "(`--logger.tensorboard_dir`)",
    SAMPLES.path("policy"): f"rollouts ({NO_SAMPLES})",
    EVALUATION_SAMPLES.path(): f"samples of start and policy on held-out prompts ({NO_SAMPLES})",
    JUDGED_ROLLOUTS.path(): f"rollouts with the scores of a judge that the policy is not trained on ({NO_SAMPLES})",
    PROMPTS.path(): "prompts (`--preferences FILE`)",
}


def found_in(folder: Path) -> str:
    """What of an OpenRLHF run is there."""
    found = [f"logs for TensorBoard in {place.name or place}" for place, _ in _logs(folder)]
    return ", ".join([*found, SERVED] if (folder / SERVED).is_file() else found)


def _logs(folder: Path) -> list[tuple[Path, Events]]:
    """Folders whose logs have OpenRLHF's tags."""
    found = [(place, read_events(place)) for place in event_folders(folder)]
    return [(place, events) for place, events in found if events.tags >= ONLINE or events.tags >= PAIRWISE]


def read(folder: Path, settings: ReadingSettings) -> Gathered:
    """What a folder of OpenRLHF's says. Raises `ArtefactError` where it holds the logs of several runs."""
    gathered = Gathered()
    logs = _logs(folder)
    if len(logs) > 1:
        raise ArtefactError(f"{logs[0][0]} and {logs[1][0]} both hold logs of OpenRLHF; name the folder of one run")
    for place, events in logs:
        if not events.tags >= ONLINE:
            gathered.note(
                f"A log of DPO or of a reward, which OpenRLHF logs alike, in {place.name}: nothing is read of it."
            )
            continue
        rows = [_online(step, entry) for step, entry in events.steps.items() if step >= 1]
        gathered.metrics = [row for row in rows if row is not None]
        gathered.comes_from(METRICS, events.files, "policy")
        lost = len(rows) - len(gathered.metrics)
        gathered.note(f"A log of an algorithm that samples, {len(gathered.metrics)} steps, in {place.name}.")
        gathered.note(f"{lost} entries were left out: they are of no training step." if lost else "")
        gathered.note("The last record of its newest file is not whole yet." if events.unfinished else "")
    samples = {row.step: row.samples for row in gathered.metrics if isinstance(row, OnlineMetrics)}
    add_served_scores(folder, samples, settings.judge, gathered)
    return gathered


def _online(step: int, entry: Entry) -> OnlineMetrics | None:
    """A step of PPO and its relatives; None where no training was logged (an evaluation's step).

    The KL is a mean a token of the log-ratio, whatever estimator was trained with; times the mean length it is about
    that of a text. Without a reference OpenRLHF logs 0, which is no KL.
    """
    if entry.get("train/rollout/reward_mean") is None:
        return None
    length, cut = entry.get("train/rollout/response_length_mean"), entry.get("train/rollout/truncated_rate")
    ratio, samples = entry.get("train/logprobs_diff"), entry.get("train/rollout/num_samples")
    return OnlineMetrics(
        step=step,
        lr=entry.get("train/actor_lr"),
        grad_norm=entry.get("train/actor_grad_norm"),
        seconds=entry.get("train/timing/step_total"),
        reward=entry.get("train/rollout/reward_mean"),
        reward_std=entry.get("train/rollout/reward_std"),
        kl=None if not ratio or length is None else ratio * length,
        samples=None if samples is None else int(samples),
        kl_se=None,
        entropy=entry.get("train/entropy_loss"),
        clip_frac=entry.get("train/ppo_clip_ratio"),
        policy_loss=entry.get("train/policy_loss"),
        length=length,
        stop_rate=None if cut is None else 1 - cut,
        sampler_logprob_diff=None,
        sampler_kl=None,
    )


LOOKS_FOR = f"{PATTERN} with its columns, in it or below; {SERVED}"
TOOLS.add("openrlhf", Tool("openrlhf", "OpenRLHF", LOOKS_FOR, found_in, read, WORDS | OWN_WORDS))
