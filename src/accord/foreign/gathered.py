"""What was read of a run, on its way into the files of one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os.path import relpath
from pathlib import Path

from accord.artefacts import (
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    PROMPTS,
    SAMPLES,
    Artefact,
    EvaluationSample,
    JudgedRollout,
    Metrics,
    PromptRow,
    RolloutRow,
)
from accord.foreign.preferences import write_preferences
from accord.records import Prompt
from accord.run import InputEntry, RunDirectory
from accord.run.files import digest_of, digest_of_settings

__all__ = ["Gathered"]


@dataclass
class Gathered:
    """What the files of a run say, typed; what they do not say is empty.

    prompts   by id, each with the split that it was first met in: `train` or `held_out`
    preferences   files of comparisons by split
    stage     the stage that the metrics are of: `policy` or `reward`
    models    folders of models that lie beside, by the path that they would have in the run
    sources   the files that each artefact was read from, by its path
    notes     what was read, what was left out and why, a sentence each
    """

    prompts: dict[str, PromptRow] = field(default_factory=dict)
    metrics: list[Metrics] = field(default_factory=list)
    rollouts: list[RolloutRow] = field(default_factory=list)
    judged: list[JudgedRollout] = field(default_factory=list)
    samples: list[EvaluationSample] = field(default_factory=list)
    preferences: dict[str, Path] = field(default_factory=dict)
    stage: str = "policy"
    models: dict[str, Path] = field(default_factory=dict)
    sources: dict[str, list[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def prompt(self, prompt: Prompt, split: str) -> str:
        """The id of a prompt, which is kept."""
        self.prompts.setdefault(prompt.id, PromptRow(prompt, split))
        return prompt.id

    def note(self, *sentences: str) -> None:
        """Say something of what was read; what is empty says nothing."""
        self.notes.extend(sentence for sentence in sentences if sentence)

    def comes_from(self, artefact: Artefact, files: Iterable[Path], stage: str = "") -> None:
        """Note which files an artefact was read from."""
        self.sources.setdefault(artefact.path(stage), []).extend(files)

    def write(self, run: RunDirectory) -> None:
        """Write what there is as files of the run, and note in its manifest what each was read from."""
        if self.preferences:
            write_preferences(run, self.preferences, beside=self.prompts.values())
        elif self.prompts:
            PROMPTS.write(run, self.prompts.values())
        if self.metrics:
            METRICS.write(run, self.metrics, stage=self.stage)
        if self.rollouts:
            SAMPLES.write(run, self.rollouts, stage="policy")
        if self.judged:
            JUDGED_ROLLOUTS.write(run, self.judged)
        if self.samples:
            EVALUATION_SAMPLES.write(run, self.samples)
        for name, entry in self._inputs(run):
            run.record_input(name, entry)

    def _inputs(self, run: RunDirectory) -> Iterator[tuple[str, InputEntry]]:
        """For each artefact, its source: a file, or the folder of several, relative to the run."""
        for path, files in self.sources.items():
            distinct = list(dict.fromkeys(files))
            place = distinct[0] if len(distinct) == 1 else _folder_of(distinct)
            digests = [digest_of(file) for file in distinct]
            digest = digests[0] if len(distinct) == 1 else digest_of_settings(digests)
            yield path, InputEntry(digest, relpath(place.resolve(), run.path.resolve()))


def _folder_of(files: Sequence[Path]) -> Path:
    """The folder that all lie in."""
    parents = [set(file.resolve().parents) for file in files]
    return max(set.intersection(*parents), key=lambda folder: len(folder.parts))
