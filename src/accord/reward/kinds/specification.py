"""A specification in words as a reward: clauses that a judge model answers with yes or no, weighted and summed.

    r = sum_k weight_k P(clause k holds)

after rule-based rewards (Mu et al. 2024, arXiv 2411.01111). Weights are stated with the clauses, or fitted to the
preferences or else the ratings of the split; examples of each clause are drawn from labels of the same name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from os.path import relpath
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.errors import ArtefactError, RecipeError
from accord.feedback import PAIR_KINDS, Dataset
from accord.interfaces import Step
from accord.lm.remote import EndpointWriter
from accord.lm.settings import ModelSettings
from accord.records import Prompt
from accord.reward.settings import RewardSettings
from accord.reward.specification.clauses import Clause, Shown
from accord.reward.specification.judge import UNANSWERED, SpecificationJudge, answers_of
from accord.run import InputEntry, RunDirectory, digest_of_folder
from accord.train import shuffled, stage_seed

with deferred():
    from accord.artefacts import MODEL
    from accord.lm.inspection import problem_with
    from accord.reward.specification.answering import ChatAnswers, LogprobAnswers, YesOrNo
    from accord.reward.specification.weighing import Weights, by_preferences, by_ratings

__all__ = ["Specification"]

FILE = "specification.json"


class Specification(RewardSettings, ModelSettings):
    """Settings of a reward by clauses in words; `base` is the judge model, unless an `endpoint` answers."""

    objective: ClassVar[str] = "r = sum_k weight_k P(clause k holds), as a judge model answers it"

    kind: Literal["specification"] = "specification"
    clauses: tuple[Clause, ...] = Field(min_length=1, description="{ name, text, weight } each")
    base: str = "smollm2-135m"
    endpoint: str | None = Field(default=None, description="URL of an OpenAI-compatible endpoint that answers instead")
    endpoint_model: str | None = Field(default=None, description="which of its models; unset: the first that it lists")
    examples: int = Field(default=0, ge=0, description="labelled completions shown before each question, at most")
    judged: int = Field(default=200, ge=1, description="completions that weights are fitted to, at most")
    prior_std: float = Field(default=1.0, gt=0, description="deviation of a fitted weight before anything was said")

    learns_from: ClassVar[frozenset[str]] = frozenset()

    @property
    def fitted(self) -> bool:
        """Whether weights are fitted: no clause states one."""
        return all(clause.weight is None for clause in self.clauses)

    @property
    def reads(self) -> frozenset[str]:
        """What gives pairs, and ratings, where weights are fitted."""
        return PAIR_KINDS | {"rating"} if self.fitted else frozenset()

    @model_validator(mode="after")
    def _clauses_agree(self) -> Self:
        names = [clause.name for clause in self.clauses]
        texts = [" ".join(clause.text.lower().split()) for clause in self.clauses]
        for values in (names, texts):
            if doubled := [value for value in values if values.count(value) > 1]:
                raise ValueError(f"two clauses are {doubled[0]!r}; leave one of them out")
        if UNANSWERED in names:
            raise ValueError(f"no clause can be called '{UNANSWERED}', which counts what was not answered")
        stated = [clause.weight for clause in self.clauses if clause.weight is not None]
        if stated and (len(stated) < len(names) or not any(stated)):
            raise ValueError("state the weight of every clause, not all of them 0; or of none, and they are fitted")
        return self

    def anchored(self, folder: Path) -> Self:
        """The same with the text of its chat template for the file, which is meant from `folder`."""
        return ModelSettings.anchored(self, folder)

    def problems(self) -> list[str]:
        """That there is no such model; an endpoint is not called."""
        problem = "" if self.endpoint else problem_with(self)
        return [problem] if problem else []

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Draw the examples, fit the weights where none is stated, and keep both.

        Raises `RecipeError` where weights are to be fitted and the split has neither preferences nor ratings.
        """
        if self.endpoint is None and Path(self.base).expanduser().is_dir():
            place = Path(self.base).expanduser()
            run.record_input(
                f"{stage}: base", InputEntry(digest_of_folder(place), relpath(place.resolve(), run.path.resolve()))
            )
        seed = stage_seed(run, stage)
        examples = {clause.name: _examples(data, clause, self.examples, split, seed) for clause in self.clauses}
        if self.fitted:
            weights = self._fitted(data, split, examples, stage, seed)
            rows = zip(self.clauses, weights.value_K.tolist(), weights.intervals(), strict=True)
            kept = [{"name": c.name, "weight": value, "interval": interval} for c, value, interval in rows]
            n = weights.n
        else:
            kept, n = [{"name": clause.name, "weight": clause.weight} for clause in self.clauses], 0
        shown = {name: [_row(each) for each in some] for name, some in examples.items()}
        with MODEL.write(run, stage=stage) as folder:
            content = {"clauses": [c.model_dump() for c in self.clauses], "weights": kept, "n": n, "examples": shown}
            (folder / FILE).write_text(json.dumps(content, indent=1))
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> SpecificationJudge:
        """The clauses with the weights and examples that the stage kept, its digest checked.

        Raises `ArtefactError` where they are missing or altered, or the judge model's folder is not what it was.
        """
        noted = run.manifest.inputs.get(f"{stage}: base")
        if noted is not None and digest_of_folder(Path(self.base).expanduser()) != noted.digest:
            raise ArtefactError(
                f"{self.base}: not the model that the stage '{stage}' of {run.path} noted; put that one back, or use a "
                "new folder"
            )

        content = json.loads((MODEL.verified(run, stage) / FILE).read_bytes())
        weight_K = np.array([row["weight"] for row in content["weights"]], dtype=np.float64)
        examples = {
            name: [Shown(Prompt.model_validate_json(row["prompt"]), row["text"], row["holds"]) for row in rows]
            for name, rows in content["examples"].items()
        }
        clauses = [Clause.model_validate(row) for row in content["clauses"]]
        return SpecificationJudge(stage, clauses, weight_K, self._model(), examples)

    def _model(self) -> YesOrNo:
        if self.endpoint is not None:
            return ChatAnswers(EndpointWriter.find(self.endpoint, self.endpoint_model))
        return LogprobAnswers(self.open(self.base, seed=0))

    def _fitted(
        self, data: Dataset, split: str, examples: Mapping[str, Sequence[Shown]], stage: str, seed: int
    ) -> Weights:
        pairs, ratings = data.pairs.get(split, ()), data.ratings(split)
        if not pairs and not ratings:
            raise RecipeError(
                f"{stage}: the split '{split}' has neither preferences nor ratings to fit weights to; state the weight "
                "of each clause"
            )
        names = [name for pair in pairs for name in (pair.chosen, pair.rejected)]
        names = names or [each.feedback.completions[0] for each in ratings]
        names = list(dict.fromkeys(names))
        names = [names[i] for i in sorted(shuffled(len(names), seed, "judged")[: self.judged])]
        completions = [data.completions[name] for name in names]
        prompts = [data.prompts[completion.prompt] for completion in completions]
        answer_NK = answers_of(self._model(), self.clauses, prompts, [each.text for each in completions], examples)
        answer_NK = np.where(np.isnan(answer_NK), 0.5, answer_NK)
        place = {name: row for row, name in enumerate(names)}
        if pairs:
            used = [pair for pair in pairs if pair.chosen in place and pair.rejected in place]
            difference_PK = answer_NK[[place[p.chosen] for p in used]] - answer_NK[[place[p.rejected] for p in used]]
            tie_P, weight_P = np.array([p.tie for p in used], bool), np.array([p.weight for p in used], float)
            return by_preferences(difference_PK, tie_P, weight_P, prior_std=self.prior_std)
        judged = [each for each in ratings if each.feedback.completions[0] in place]
        scales = [(each.judgement.value, each.judgement.scale) for each in judged]
        rating_N = np.array([(value - scale.low) / (scale.high - scale.low) for value, scale in scales])
        rows = [place[each.feedback.completions[0]] for each in judged]
        return by_ratings(answer_NK[rows], rating_N, np.ones(len(rows)), prior_std=self.prior_std)


def _examples(data: Dataset, clause: Clause, most: int, split: str, seed: int) -> list[Shown]:
    """Completions of the split whose labels say whether an option of the clause's name holds: as many yes as no."""
    labelled: dict[bool, list[Shown]] = {True: [], False: []}
    for each in data.labels(split) if most else []:
        if clause.name in each.judgement.options:
            completion = data.completions[each.feedback.completions[0]]
            holds = clause.name in each.judgement.selected
            labelled[holds].append(Shown(data.prompts[completion.prompt], completion.text, holds))
    chosen = []
    for holds, rows in labelled.items():
        chosen += [rows[i] for i in shuffled(len(rows), seed, clause.name, str(holds))[: most // 2]]
    return [chosen[i] for i in shuffled(len(chosen), seed, clause.name)]


def _row(shown: Shown) -> dict[str, object]:
    return {"prompt": shown.prompt.model_dump_json(), "text": shown.text, "holds": shown.holds}
