"""The last whole step of a training stage, kept so that a stage that was stopped goes on from it.

    optimiser.safetensors   master weights and moments, or files of their parts (`accord.train.optimiser_state`)
    state.json              small state beside the optimiser's, such as a coefficient that adapts
    settings.json           what the stage began with: its settings by dotted key, a digest of the model it opened, of
                            what runs it; it goes on with the same, or not at all
    logs.json               how far each log had come; logs are on the disk before a checkpoint counts

No random state is kept: the randomness of a step is a function of its number (`accord.train.seeds`).
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from accord.deferred import deferred
from accord.errors import ArtefactError
from accord.lm.settings import SAME_NUMBERS
from accord.run import GrowingLog, LogMark, RunDirectory
from accord.train.optimiser import Optimiser
from accord.train.ranks import is_first

with deferred():
    import torch
    from torch import nn

    from accord.lm.sharding import sharded_of
    from accord.train.optimiser_state import keep_optimiser, take_up_optimiser

__all__ = ["Checkpointer", "weights_digest"]

STATE, SETTINGS, LOGS = "state.json", "settings.json", "logs.json"


class Checkpointer:
    """Checkpoints of one stage, taken up where there is one already: weights, state and logs go back to its step.

    step     the last step kept; 0 at the beginning
    state    anything that JSON holds; restored, and kept with every checkpoint
    before_saving   what puts something into the state before a step, by its number, is kept

    logs     those that grow with the stage, by name
    model    what is trained, as it was opened; None where the stage has none besides the optimiser's weights

    A damaged checkpoint is passed over with a warning where an earlier one is whole. Raises `ArtefactError` where none
    is, a log no longer holds what it held then, or it was made
    under other settings, from another model or with other versions of what computes.
    """

    def __init__(
        self,
        run: RunDirectory,
        stage: str,
        optimiser: Optimiser,
        settings: BaseModel,
        *,
        logs: Mapping[str, GrowingLog],
        model: nn.Module | None = None,
    ) -> None:
        self.run, self.stage, self.optimiser, self.logs = run, stage, optimiser, dict(logs)
        self.step = 0
        self.before_saving: list[Callable[[int], None]] = []
        self.state: dict[str, Any] = {}
        self._began_with = {**_flat(settings.model_dump(mode="json")), "model": weights_digest(model or nn.Module())}
        checkpoint = run.last_checkpoint(stage)
        if checkpoint is not None:
            for problem in checkpoint.damaged:
                warnings.warn(f"{problem}; {stage} goes on from step {checkpoint.step}, which is whole", stacklevel=2)
            self.step = checkpoint.step
            self._check_settings(checkpoint.folder)
            self._take_up(checkpoint.folder)
        else:
            for log in self.logs.values():
                log.cut_back(None)

    def save(self, step: int) -> None:
        """Keep the weights and the state as they are now as those after `step`.

        Of weights in parts every process has to write its own, into the folder that the first one makes.
        """
        for act in self.before_saving:
            act(step)
        self.run.save_checkpoint(self.stage, step, self._write)
        if self.optimiser.is_sharded and not is_first():
            keep_optimiser(self.optimiser, None)
        self.step = step

    def take_up_best(self) -> int | None:
        """Put the weights back to the step that is worth most of those kept; None where no value is known."""
        best = self.run.best_checkpoint(self.stage)
        if best is None:
            return None
        take_up_optimiser(self.optimiser, best.folder, weights_alone=True)
        return best.step

    def _write(self, folder: Path) -> None:
        marks = {name: asdict(log.mark()) for name, log in self.logs.items()}
        keep_optimiser(self.optimiser, folder)
        for file, content in ((STATE, self.state), (SETTINGS, self._began_with), (LOGS, marks)):
            (folder / file).write_text(json.dumps(content))

    def _take_up(self, folder: Path) -> None:
        try:
            state = json.loads((folder / STATE).read_text())
            content = json.loads((folder / LOGS).read_text())
            marks = {name: LogMark(**content[name]) for name in self.logs}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ArtefactError(f"{folder}: a damaged checkpoint; start the stage again with --again") from error
        for name, log in self.logs.items():
            log.cut_back(marks[name])
        take_up_optimiser(self.optimiser, folder)
        self.state = state

    def _check_settings(self, folder: Path) -> None:
        before: dict[str, Any] = json.loads((folder / SETTINGS).read_text())
        keys = sorted(before.keys() | self._began_with.keys(), key=lambda key: (key not in {"kind", "model"}, key))
        changed = [
            key
            for key in keys
            if before.get(key) != self._began_with.get(key) and key.rpartition(".")[2] not in SAME_NUMBERS
        ]
        if changed:
            changes = "; ".join(f"{key} was {before.get(key)!r}, now {self._began_with.get(key)!r}" for key in changed)
            raise ArtefactError(
                f"{self.stage}: step {self.step} was made with other settings ({changes}); set them back, use a new "
                f"folder, or start the stage again with --again {self.stage}"
            )


def weights_digest(model: nn.Module) -> str:
    """A short digest of all weights of a model, and of their names, shapes and types; in parts, as it was opened."""
    if (sharded := sharded_of(model)) is not None:
        return sharded.digest
    digest = hashlib.sha256()
    for name, weight in model.named_parameters():
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key: {"optim": {"lr": 1}} as {"optim.lr": 1}."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, str) and value.startswith("/"):
            value = Path(value).name  # where a model lies may change; what it holds is told by its digest
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
