"""Reinforcement learning without human feedback: a comparator of texts says how near a completion is to a reference.

    r = P(they say the same) - extra_weight * P(the completion states a fact that is not in the reference)

after Goldberg 2023 ("Reinforcement Learning for Language Models") and Roit et al. 2023 (arXiv 2306.00186), whose reward
is entailment. The comparator is trained in the stage, from pairs that edits make of texts; or one that a run trained
before is taken from its folder; or "cosine" takes the cosine of sentence vectors, which is there to be beaten.
"""

from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.errors import AccordError, ArtefactError
from accord.feedback import Dataset
from accord.interfaces import Step
from accord.lm.encoder import PACKAGED, load_encoder
from accord.reward.comparator.pairs import make_pairs, read_texts
from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward
from accord.reward.stated.references import References
from accord.run import InputEntry, RunDirectory, digest_of, digest_of_folder
from accord.train import Optim, Optimiser, Passes, planned_draws, stage_seed

with deferred():
    from torch import nn

    from accord.artefacts import MODEL, REFERENCES, RewardMetrics
    from accord.lm import tiny
    from accord.lm.device import device_problem, resolve_device
    from accord.reward.comparator.comparing import Comparator, Cosine, TrainedComparator, encoded
    from accord.reward.comparator.fitting import fit_step
    from accord.reward.comparator.judge import TextComparisonJudge, texts_of
    from accord.train import StepResult, TrainingLoop

__all__ = ["TextComparison"]

COSINE = "cosine"


class TextComparison(ReferencedReward):
    """Settings of a reward that is a comparison with a reference."""

    objective: ClassVar[str] = (
        "r = P(the text says the same as its reference) - extra_weight P(it states a fact that is not in the "
        "reference), by a comparator"
    )

    keys: ClassVar[tuple[str, ...]] = ("reference", "answer")

    kind: Literal["text_comparison"] = "text_comparison"
    extra_weight: float = Field(default=1.0, ge=0, description="what a fact costs that is not in the reference")
    texts: str | None = Field(
        default=None, description="texts of which pairs are made to train on: a .txt file with one a line, or JSON"
    )
    comparator: str | None = Field(
        default=None, description='folder of a trained comparator, or "cosine", instead of training one'
    )
    encoder: str = Field(
        default=PACKAGED, description="what reads the texts: the packaged encoder, `tiny`, or a folder of one"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    pairs: int = Field(default=2000, ge=1, description="pairs to train on")
    epochs: float = Field(default=3.0, gt=0, description="passes over the pairs")
    batch_size: int = Field(default=32, ge=1, description="pairs a step")
    hidden: int = Field(default=128, ge=1, description="width of the comparator's head")
    save_every: int = Field(default=20, ge=1)
    optim: Optim = Optim(lr=1e-3)

    @model_validator(mode="after")
    def _one_comparator(self) -> Self:
        if (self.texts is None) == (self.comparator is None):
            raise ValueError("a comparator is trained from `texts`, or is the one that `comparator` names; give one")
        return self

    def fit(
        self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward"
    ) -> "TextComparisonJudge":
        """Train to the end, or note the comparator, and return the judge."""
        for _ in self.steps(data, run, split=split, stage=stage):
            pass
        return self.load(run, stage=stage)

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Keep the references, then train from the last checkpoint on, or note which comparator it is.

        Raises `RecipeError` where a prompt has no reference, or the texts make no pairs.
        """
        yield from super().steps(data, run, split=split, stage=stage)
        if self.texts is not None:
            file = Path(self.texts)
            entry, noted = InputEntry(digest_of(file), _beside(file, run)), run.manifest.inputs.get(f"{stage}: texts")
            if noted is not None and noted.digest != entry.digest and run.last_checkpoint(stage) is not None:
                raise ArtefactError(
                    f"{file}: not the texts that the stage '{stage}' of {run.path} began with; put them back, or start "
                    f"it again with --again {stage}"
                )
            run.record_input(f"{stage}: texts", entry)
            yield from self._training(file, run, stage)
        elif self.comparator != COSINE:
            folder = Path(self.comparator or "")
            TrainedComparator.load(folder)
            run.record_input(f"{stage}: comparator", InputEntry(digest_of_folder(folder), _beside(folder, run)))

    def _training(self, file: Path, run: RunDirectory, stage: str) -> Iterator[Step]:
        seed = stage_seed(run, stage)
        pairs = make_pairs(read_texts(file), self.pairs, seed=seed)
        encoder = load_encoder(self.encoder, device=self._device)
        comparator = TrainedComparator.fresh(encoder, hidden=self.hidden, seed=seed)
        draws = planned_draws(self.epochs, len(pairs))
        total = -(-draws // self.batch_size)
        optimiser = Optimiser(self.optim, list(comparator.head.parameters()), total)
        both = nn.ModuleList([encoder.model, comparator.head])
        loop = TrainingLoop(run, stage, optimiser, self, total=total, save_every=self.save_every, model=both)
        read = encoded(encoder, [text for pair in pairs for text in (pair.text, pair.reference)], comparator.layers)
        passes = Passes([[pair] for pair in pairs], seed, "pairs")

        def update(step: int) -> StepResult[RewardMetrics]:
            batch = passes.step(step, self.batch_size, draws)
            return StepResult(fit_step(comparator.head, read, batch, optimiser, step))

        def save() -> None:
            with MODEL.write(run, stage=stage) as folder:
                comparator.save(folder)

        yield from loop.steps(update, save)

    def load(self, run: RunDirectory, *, stage: str = "reward") -> "TextComparisonJudge":  # type: ignore[override]
        """The comparator with the references that the stage kept.

        Raises `ArtefactError` where either is missing, or the folder of the comparator is not what the stage noted.
        """
        references = References({row.prompt: row.reference for row in REFERENCES.read(run, stage)}, self.references)
        super().load(run, stage=stage)  # that the file of references is the one that was noted
        return TextComparisonJudge(stage, self._comparator(run, stage), references, self.extra_weight)

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the stage has kept its references, and its comparator."""
        has_comparator = MODEL.has(run, stage) if self.texts is not None else True
        noted = self.comparator in {None, COSINE} or f"{stage}: comparator" in run.manifest.inputs
        return REFERENCES.has(run, stage) and has_comparator and noted

    def anchored(self, folder: Path) -> Self:
        """The same with every path made absolute."""
        paths = {name: getattr(self, name) for name in ("texts", "comparator", "encoder")}
        paths = {
            name: str(folder / path)
            for name, path in paths.items()
            if path not in {None, COSINE, PACKAGED, tiny.NAME} and (name != "encoder" or (folder / path).is_dir())
        }
        return super().anchored(folder).model_copy(update=paths)

    def problems(self) -> list[str]:
        """That a file or folder is not there, or cannot be read; what would have to be fetched is not looked at."""
        problems = super().problems()
        if problem := device_problem(self.device):
            problems.append(problem)
        if self.texts is not None and not Path(self.texts).is_file():
            problems.append(f"texts: no file {self.texts}")
        elif self.texts is not None:
            try:
                make_pairs(read_texts(Path(self.texts)), min(self.pairs, 20), seed=0)
            except AccordError as error:
                problems.append(f"texts: {error}")
        if self.comparator not in {None, COSINE} and not (Path(self.comparator or "") / "comparator.json").is_file():
            problems.append(f"comparator: no comparator in {self.comparator}; give the folder of one, or {COSINE}")
        return problems

    def grader(self) -> Grader:
        """What checks references: a text, or several of which the nearest counts."""

        def grade(text: str, reference: Any) -> Outcome:
            texts_of(reference)
            return Outcome(0.0)

        return grade

    @property
    def _device(self) -> str:
        return resolve_device(self.device)

    def _comparator(self, run: RunDirectory, stage: str) -> Comparator:
        if self.comparator == COSINE:
            return Cosine(load_encoder(self.encoder, device=self._device))
        if self.comparator is None:
            return TrainedComparator.load(MODEL.verified(run, stage), device=self._device)
        noted = run.manifest.inputs.get(f"{stage}: comparator")
        if noted is None or noted.path is None:
            raise ArtefactError(f"{run.path}: the stage '{stage}' has not noted {self.comparator}; run it first")
        for folder in (run.path / noted.path, Path(self.comparator)):  # either may have moved alone
            if folder.is_dir() and digest_of_folder(folder) == noted.digest:
                return TrainedComparator.load(folder.resolve(), device=self._device)
        raise ArtefactError(
            f"{self.comparator}: not the comparator that the stage '{stage}' of {run.path} noted; put that one back, "
            "or use a new folder"
        )


def _beside(path: Path, run: RunDirectory) -> str:
    return relpath(path.resolve(), run.path.resolve())
