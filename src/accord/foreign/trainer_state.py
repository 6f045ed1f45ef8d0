"""`trainer_state.json`, in which transformers' trainers keep the log of a run: what TRL logs, as metrics of a stage."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.artefacts import Metrics, OnlineMetrics, PairMetrics
from accord.errors import RecordError, storage
from accord.feedback.formats.rows import SourceRow
from accord.foreign.cells import finite, step_in
from accord.foreign.running_lines import json_object

__all__ = ["STATE", "TrainerState", "checkpoints", "newest_state"]

STATE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-(\d{1,18})")
KINDS = {
    "GRPO": ("reward", "completions/mean_length"),
    "DPO": ("rewards/margins", "rewards/accuracies"),
    "KTO": ("rewards/margins", "logps/chosen"),
    "reward": ("accuracy", "margin", "mean_reward"),
    "SFT": ("mean_token_accuracy",),
}
"""What a trainer of TRL logs at every step, by what is trained; the first that fits is it. RLOO logs what GRPO does."""

Entry = Mapping[str, float | None]


def checkpoints(folder: Path) -> dict[int, Path]:
    """The folders `checkpoint-N` of a run by step, in order."""
    with storage(folder):
        found = [(CHECKPOINT.fullmatch(path.name), path) for path in folder.iterdir()]
    return dict(sorted((int(match[1]), path) for match, path in found if match and path.is_dir()))


def newest_state(folder: Path) -> Path | None:
    """The state that was written last: of the highest step, in the folder itself where that is as far."""
    places = [path / STATE for path in reversed(checkpoints(folder).values())]
    own = folder / STATE
    if own.is_file() and (not places or _step_of(own) >= max(checkpoints(folder))):
        return own
    return next((place for place in places if place.is_file()), own if own.is_file() else None)


def _step_of(path: Path) -> int:
    return TrainerState.read(path).step


@dataclass(frozen=True)
class TrainerState:
    """The log of a run: an entry a logged step of training, by step, and the steps at which it was evaluated.

    What is not a finite number is None. `rewards` names GRPO's reward functions.
    """

    path: Path
    step: int
    log: dict[int, Entry]
    evaluated: frozenset[int]

    @classmethod
    def read(cls, path: Path) -> "TrainerState":
        """Raises `RecordError` that names the entry where the file is not what transformers writes."""
        content = SourceRow(path.name, json_object(path))
        history = content.content.get("log_history")
        if not isinstance(history, list):
            raise content.bad("log_history", f"expected a list of what was logged, not {history!r:.40}")
        log: dict[int, Entry] = {}
        evaluated = set()
        for number, entry in enumerate(history):
            row = _entry(entry, f"{path.name} log_history.{number}")
            step = step_in(row)
            if any(name.startswith("eval_") for name in row.content):
                evaluated.add(step)
            elif "train_runtime" not in row.content:
                log[step] = _numbers(row)
        return cls(path, step_in(content, "global_step"), log, frozenset(evaluated))

    @property
    def kind(self) -> str:
        """What was trained, by what its steps log (`KINDS`); empty where they log nothing of TRL's."""
        names = {name for entry in self.log.values() for name in entry}
        return next((kind for kind, needed in KINDS.items() if names.issuperset(needed)), "")

    @property
    def rewards(self) -> tuple[str, ...]:
        """GRPO's reward functions by name, in the order of the log."""
        found = (re.fullmatch(r"rewards/(.+)/mean", name) for entry in self.log.values() for name in entry)
        return tuple(dict.fromkeys(match[1] for match in found if match))

    def metrics(self, samples: Mapping[int, int]) -> tuple[list[Metrics], int]:
        """The steps as metrics of a policy, and how many were left out: their loss or margin is no number.

        `samples` is how many completions a step's table has, where there is one. Of rewards and supervised starts TRL
        logs too little for a row.
        """
        steps = [step for step in self.log if step >= 1]
        rows: Sequence[Metrics | None] = []
        if self.kind == "GRPO":
            rows = [_online(step, self.log[step], samples) for step in steps]
        elif self.kind in {"DPO", "KTO"}:
            rows = [_pairs(step, self.log[step]) for step in steps]
        kept = [row for row in rows if row is not None]
        return kept, len(rows) - len(kept)


def _entry(entry: Any, place: str) -> SourceRow:
    if not isinstance(entry, dict):
        raise RecordError(f"expected an object, {{...}}, not {entry!r:.40}", place=place)
    return SourceRow(place, entry)


def _numbers(row: SourceRow) -> dict[str, float | None]:
    """The numbers of an entry. Raises `RecordError` where a column that is read holds something else."""
    numbers: dict[str, float | None] = {}
    for name, value in row.content.items():
        try:
            numbers[name] = finite(value)
        except TypeError as error:
            if name in _READ or name.startswith("rewards/"):
                raise row.bad(name, str(error)) from None
    return numbers


_READ = frozenset(
    {"loss", "grad_norm", "learning_rate", "reward", "reward_std", "kl", "entropy", "accuracy", "margin"}
    | {"completions/mean_length", "completions/clipped_ratio", "frac_reward_zero_std", "step_time"}
    | {"clip_ratio/region_mean", "policy_loss", "rewards/margins", "sampling/sampling_logp_difference/mean"}
)


def _online(step: int, entry: Entry, samples: Mapping[int, int]) -> OnlineMetrics:
    """GRPO's and RLOO's. The KL is a mean a token; times the mean length it is that of a text.

    GRPO's is k3, RLOO's the log-ratio; only GRPO writes tables of completions, by which the two are told apart.
    """
    length, kl, clipped = (entry.get(name) for name in ("completions/mean_length", "kl", "completions/clipped_ratio"))
    return OnlineMetrics(
        step=step,
        lr=entry.get("learning_rate"),
        grad_norm=entry.get("grad_norm"),
        seconds=entry.get("step_time"),
        reward=entry.get("reward"),
        reward_std=entry.get("reward_std"),
        kl=None if kl is None or length is None else kl * length,
        kl_estimator="k3" if kl is not None and samples else None,
        samples=samples.get(step),
        kl_se=None,
        entropy=entry.get("entropy"),
        clip_frac=entry.get("clip_ratio/region_mean"),
        policy_loss=entry.get("policy_loss", entry.get("loss")),
        length=length,
        stop_rate=None if clipped is None else 1 - clipped,
        sampler_logprob_diff=entry.get("sampling/sampling_logp_difference/mean"),
        sampler_kl=None,
        frac_zero_std=entry.get("frac_reward_zero_std"),
    )


def _pairs(step: int, entry: Entry) -> PairMetrics | None:
    """DPO's and KTO's; None where loss or margin is no number."""
    loss, margin = entry.get("loss"), entry.get("rewards/margins")
    if loss is None or margin is None:
        return None
    return PairMetrics(
        step=step,
        lr=entry.get("learning_rate"),
        grad_norm=entry.get("grad_norm"),
        loss=loss,
        accuracy=entry.get("rewards/accuracies"),
        margin=margin,
    )
