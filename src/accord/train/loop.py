"""The loop that every training stage runs.

A stage says what one step does and how its model is kept. The loop does the rest: it goes on from the last
checkpoint, times and logs each step, keeps every so many steps and the last whole one where training stops itself, and
enters the logs in the manifest at the end.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from accord.artefacts import METRICS, MOMENTS, JsonLines, Row, StepMetrics
from accord.deferred import deferred
from accord.errors import ExtensionError, ModelError, TrainingStopped
from accord.lm.out_of_memory import is_out_of_memory, memory_lacked
from accord.run import RunDirectory
from accord.run.stopping import Terminated, step_under_way, termination
from accord.train.checkpointing import Checkpointer
from accord.train.optimiser import Optimiser
from accord.train.ranks import (
    FirstFailedError,
    StepsOver,
    check_alike,
    hearing_others,
    is_first,
    meet,
    meet_to_end,
    rank_names,
    stop_sharing,
)
from accord.train.seeds import seed_of, seeded, stage_seed

with deferred():
    from torch import nn

    from accord.train.sharding import end_sharding

__all__ = ["StepResult", "StepSkipped", "TrainingLoop", "TrainingStep"]

M = TypeVar("M", bound=StepMetrics)
_GO_ON, _KEEP, _END = "go on", "keep", "end"
"""What the first process says to the others between two steps of a stage whose model lies in parts."""


@dataclass(frozen=True)
class StepResult(Generic[M]):
    """What a step hands to the loop: its metrics (`seconds` is filled in), and rows for the loop's other log."""

    metrics: M
    rows: Sequence[Row] = ()


@dataclass(frozen=True)
class TrainingStep(Generic[M]):
    """A finished step, of `total`, as it was logged."""

    metrics: M
    total: int

    @property
    def step(self) -> int:
        """Its number, from 1."""
        return self.metrics.step


class StepSkipped(Exception):  # noqa: N818 - it reads as what happened
    """A step is left out: nothing of it is logged, no weight has moved, and the next one is made."""


class TrainingLoop:
    """The steps of one stage of a run, which is taken up where it has a checkpoint.

    stage       its name; it may stand below a prefix (`rounds/03/policy`), as its files then do
    settings    all that its numbers depend on; raises `ArtefactError` where its checkpoint was made under others
    total       steps from the first to the last
    save_every  steps from one checkpoint to the next
    model       what is trained, as it was opened: a checkpoint that began with other weights is refused
    samples     the log of what a step's rows are, beside the metrics; None where steps have no rows
    """

    def __init__(
        self,
        run: RunDirectory,
        stage: str,
        optimiser: Optimiser,
        settings: BaseModel,
        *,
        total: int,
        save_every: int,
        samples: JsonLines[Any] | None = None,
        model: nn.Module | None = None,
    ) -> None:
        self.run, self.stage, self.optimiser, self._model = run, stage, optimiser, model
        self.total, self.save_every = total, save_every
        self._settings = settings
        run.plan(stage, total)
        self.seed = stage_seed(run, stage)
        self._artefacts = [METRICS] if samples is None else [METRICS, samples]
        self._logs = [artefact.log(run, stage) for artefact in self._artefacts]
        logs = {artefact.file: log for artefact, log in zip(self._artefacts, self._logs, strict=True)}
        self._checkpointer = Checkpointer(run, stage, optimiser, settings, logs=logs, model=model)
        self._done = self._checkpointer.step
        if optimiser.settings.moments_from is not None and not self._done:
            optimiser.take_over_moments(Path(optimiser.settings.moments_from))
        self._updates = optimiser.done
        # No process makes a step before all have taken up the same checkpoint.
        check_alike(lambda: self._done, f"the step that {stage} goes on from")

    @property
    def state(self) -> dict[str, Any]:
        """What a stage remembers from step to step, as JSON can hold it; it is part of each checkpoint."""
        return self._checkpointer.state

    @property
    def done(self) -> int:
        """The last step that was made."""
        return self._done

    def steps(self, step_of: Callable[[int], StepResult[M]], save: Callable[[], None]) -> Iterator[TrainingStep[M]]:
        """Make the steps that are still to be made, each by `step_of(number)`; then `save` the model.

        A step that raises `StepSkipped` is left out. Where several processes share the steps, the first one alone logs
        and keeps them, and `StepsOver` is raised in the others when all are made.

        Raises what a step raises; a `TrainingStopped` then names the last whole step, which is kept, and so does one
        where memory was not enough. Where a signal asked the process to end, the step under way is finished and kept,
        and `Terminated` is raised.
        """
        with self._guarded(), step_under_way():
            for number in range(self._done + 1, self._last + 1):
                self._end_if_asked()
                began = monotonic()
                try:
                    with seeded(seed_of(self.seed, "global", number, *rank_names())):
                        result = step_of(number)
                except (StepSkipped, FirstFailedError):
                    self._end_if_asked()
                    self._count(number)
                    continue
                metrics = result.metrics.model_copy(update={"seconds": round(monotonic() - began, 3)})
                self._record(metrics, result.rows)
                yield TrainingStep(metrics, self.total)
            self._end_if_asked()
        self._check_weights()
        end_sharding(self.optimiser, self._model)
        stop_sharing()
        save()
        if self.optimiser.settings.keep_moments:
            with MOMENTS.write(self.run, stage=self.stage) as folder:
                self.optimiser.save_moments(folder)
        for artefact in self._artefacts:
            self.run.adopt(artefact.path(self.stage), stage=self.stage)

    @property
    def _last(self) -> int:
        """The last step that is made: in a trial there are few (`RunDirectory.most_steps`)."""
        most = self.run.most_steps
        return self.total if most is None else min(self.total, most)

    def before_saving(self, act: Callable[[int], None]) -> None:
        """Have `act` put what is to be kept into the state, each time before a step, by its number, is kept."""
        self._checkpointer.before_saving.append(act)

    def take_up_best(self) -> int | None:
        """Put the weights back to the best of the steps that are kept (`RunDirectory.retention`), when all are made.

        Returns its number; None where the run compares no steps, and the weights are those of the last one.
        """
        return self._checkpointer.take_up_best()

    def _record(self, metrics: StepMetrics, rows: Sequence[Row]) -> None:
        """Log a step, and count it."""
        tables: list[Sequence[Row]] = [[metrics], rows]
        for artefact, log, table in zip(self._artefacts, self._logs, tables[: len(self._logs)], strict=True):
            log.append(*map(artefact.encode, table))
        self._count(metrics.step)

    def _count(self, number: int) -> None:
        """Count a step that is over, and keep it where it is due."""
        self._done, self._updates = number, self.optimiser.done
        if number % self.save_every == 0:
            self._check_weights()
            self._checkpointer.save(number)

    def _check_weights(self) -> None:
        """Raises `TrainingStopped` where processes that share the stage have other weights than one another."""
        check_alike(self.optimiser.checksum, f"the weights of {self.stage}")

    def _end_if_asked(self) -> None:
        """Raises `Terminated` where a signal asked for the end.

        Where the model lies in parts, all processes meet here, and the others hear whether the first one goes on.
        """
        if self.optimiser.is_sharded and not is_first():
            self._hear()
        elif number := termination():
            raise Terminated(number)
        elif self.optimiser.is_sharded:
            meet(_GO_ON)

    def _hear(self) -> None:
        """What a process beside the first does between two steps: go on, or help to keep the last whole step and end.

        Raises `StepsOver` where it is the end.
        """
        order = meet()
        if order == _GO_ON:
            return
        if order == _KEEP:
            self._checkpointer.save(self._done)
        raise StepsOver

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Keep the last whole step where training stops itself inside the block, or was asked to; say which it is."""
        try:
            with hearing_others():
                yield
        except TrainingStopped as stopped:
            if self.optimiser.is_sharded and not is_first():  # so does the first one, and keeps what there is
                self._hear()
            self._keep()
            last = self._checkpointer.step
            raise TrainingStopped(f"{self.stage}: {stopped}; step {last} is kept in {self.run.path}") from stopped
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._keep()
            last = self._checkpointer.step
            raise TrainingStopped(
                f"{self.stage}: {memory_lacked(error, self._settings)}; step {last} is kept in {self.run.path}"
            ) from error
        except (Terminated, ModelError, ExtensionError) as error:
            self._keep()
            if not (number := termination()):
                raise
            # What a step needs outside of this process may have been ended with it: that is no error of the step.
            last = self._checkpointer.step
            raise Terminated(
                number, f"step {last} of {self.stage} is kept in {self.run.path}" if last else ""
            ) from error

    def _keep(self) -> None:
        """Keep the last whole step, unless weights have moved since."""
        # Where a part of the step's updates was made already, the weights are no longer those of a whole step.
        due = self._done > self._checkpointer.step and self.optimiser.done == self._updates
        # Parts are every process's own to keep: where one is not there any more, the last checkpoint is what there is.
        if self.optimiser.is_sharded and not (is_first() and meet_to_end(_KEEP if due else _END)):
            return
        if due:
            self._checkpointer.save(self._done)
