"""The last whole step of a training stage, kept so that a stage that was stopped goes on from it.

    optimiser.pt     master weights and moments (`Optimiser.save`)
    state.json       small state beside the optimiser's, such as a coefficient that adapts
    settings.json    the settings of the stage, by dotted key: a stage goes on under the settings that it began with

No random state is kept: the randomness of a step is a function of its number (`accord.train.seeds`).
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from accord.errors import ArtefactError
from accord.run import RunDirectory
from accord.train.optimiser import Optimiser

__all__ = ["Checkpointer"]


class Checkpointer:
    """Checkpoints of one stage, taken up where there is one already.

    step     the last step kept; 0 at the beginning
    state    anything that JSON holds; restored, and kept with every checkpoint

    Raises `ArtefactError` where the checkpoint is damaged or was made under other settings.
    """

    def __init__(self, run: RunDirectory, stage: str, optimiser: Optimiser, settings: BaseModel) -> None:
        self.run, self.stage, self.optimiser = run, stage, optimiser
        self.step = 0
        self.state: dict[str, Any] = {}
        self._settings = _flat(settings.model_dump(mode="json"))
        checkpoint = run.last_checkpoint(stage)
        if checkpoint is not None:
            self.step, folder = checkpoint
            self._check_settings(folder)
            optimiser.load(folder / "optimiser.pt")
            self.state = json.loads((folder / "state.json").read_text())

    def save(self, step: int) -> None:
        """Keep the weights and the state as they are now as those after `step`."""
        self.run.save_checkpoint(self.stage, step, self._write)
        self.step = step

    def _write(self, folder: Path) -> None:
        self.optimiser.save(folder / "optimiser.pt")
        (folder / "state.json").write_text(json.dumps(self.state))
        (folder / "settings.json").write_text(json.dumps(self._settings))

    def _check_settings(self, folder: Path) -> None:
        before: dict[str, Any] = json.loads((folder / "settings.json").read_text())
        keys = sorted(before.keys() | self._settings.keys())
        changed = [key for key in keys if before.get(key) != self._settings.get(key)]
        if changed:
            changes = "; ".join(f"{key} was {before.get(key)!r}, now {self._settings.get(key)!r}" for key in changed)
            raise ArtefactError(
                f"{self.stage}: step {self.step} was made with other settings ({changes}); set them back, use a new "
                f"folder, or delete {folder.parent} to start the stage again"
            )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key: {"optim": {"lr": 1}} as {"optim.lr": 1}."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
