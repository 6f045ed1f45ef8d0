"""What `train` gives back: a run that is there, with what one wants of it at hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accord.artefacts import FINDINGS, MODEL, REPORT, Finding, RunReader
from accord.errors import ArtefactError
from accord.run import RunDirectory

if TYPE_CHECKING:
    from accord.lm.causal import CausalModel

__all__ = ["TrainedRun"]


@dataclass(frozen=True)
class TrainedRun:
    """A finished run. The command line takes its `path` like that of any other (`accord audit`, `serve`, `compare`).

    `model` is the folder of the policy, which transformers opens; `report` the page.
    """

    path: Path

    @property
    def model(self) -> Path:
        """The folder of the policy, or where there is none of the reward model. Raises `ArtefactError` without one."""
        for stage in ("policy", "reward"):
            if (folder := self.path / MODEL.path(stage)).is_dir():
                return folder
        raise ArtefactError(f"{self.path}: neither a policy nor a reward model was trained in this run")

    @property
    def report(self) -> Path:
        """The page of the run."""
        return self.path / REPORT.path()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the audit found."""
        with self._opened() as run:
            return RunReader.of(run).findings if FINDINGS.has(run) else ()

    @property
    def numbers(self) -> list[dict[str, Any]]:
        """The table of the run, as `accord evaluate RUN --json` prints it."""
        from accord.report import summary, to_json

        with self._opened() as run:
            return to_json(summary(run))

    def open(self) -> "CausalModel":
        """The policy as a model that writes (`accord.lm.CausalModel`), in the dtype that it was trained in."""
        from accord.lm.loading import load
        from accord.loop.drive import recipe_of

        with self._opened() as run:
            settings = recipe_of(run, trusted=True).policy
            if settings is None:
                raise ArtefactError(f"{self.path}: no policy was trained in this run")
            return load(MODEL.verified(run, "policy"), dtype=settings.dtype, device=settings.resolved_device)

    def __str__(self) -> str:
        """The table, as the command line prints it, and where the page is."""
        from io import StringIO

        from rich.console import Console

        from accord.report import render_table, summary

        with self._opened() as run:
            table = render_table(summary(run))
        console = Console(file=StringIO(), width=110)
        console.print(table)
        assert isinstance(console.file, StringIO)
        return f"{console.file.getvalue().rstrip()}\n{self.report}"

    def _opened(self) -> RunDirectory:
        return RunDirectory.open(self.path, write=False)
