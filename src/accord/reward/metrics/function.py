"""A function of the user's own as a metric.

    def questions(texts):                     # one number a text
        return [text.count("?") for text in texts]

    def overlap(texts, references):           # what a file of references holds for each text's prompt
        return [len(set(text.split()) & set(reference["answer"].split())) for text, reference in zip(texts, references)]

It takes of `texts`, `prompts` (the prompts' texts) and `references` what it names; or two parameters of other names,
prompts and completions, as a reward does.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os.path import relpath
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from accord.deferred import deferred
from accord.errors import AccordError, RecipeError
from accord.feedback import Dataset
from accord.interfaces import Step
from accord.records import Completion, Prompt
from accord.reward.kinds.python import FunctionJudge, PythonReward
from accord.reward.stated.references import References, of_file
from accord.run import InputEntry, RunDirectory, digest_of

with deferred():
    from accord.artefacts import REFERENCES, ReferenceRow

__all__ = ["FunctionMetric"]

NAMED = ("texts", "prompts", "references")


class FunctionMetric(PythonReward):
    """Settings of a metric that is a function in a Python file."""

    objective: ClassVar[str] = "a function of the user's own gives each text a number"

    references: str | None = Field(
        default=None, description='JSON lines, {"prompt": text or id, ...}: what the function is handed for each text'
    )
    keys: tuple[str, ...] = Field(default=("answer",), description="lines of references with one of these are read")
    kind: Literal["python"] = "python"

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Note the file, and keep the references in the run."""
        yield from super().steps(data, run, split=split, stage=stage)
        if self.references is None:
            return
        file = Path(self.references)
        lines = of_file(file, self.keys)
        run.record_input(f"{stage}: {file.name}", InputEntry(digest_of(file), relpath(file, run.path.resolve())))
        rows = (ReferenceRow(prompt=line.prompt, reference=line.reference) for line in lines)
        REFERENCES.write(run, rows, stage=stage)

    def load(self, run: RunDirectory, *, stage: str = "reward") -> FunctionJudge:
        """The function, which is handed what it names."""
        judge = super().load(run, stage=stage)
        named = _named(judge.function)
        if named is None:
            return judge
        references = None
        if self.references is not None:
            by_prompt = {row.prompt: row.reference for row in REFERENCES.read(run, stage)}
            references = References(by_prompt, self.references)
        if "references" in named and references is None:
            raise RecipeError(f"{self.path}: the function wants references, and none are given; add references = FILE")

        def asked(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> object:
            given: dict[str, Any] = {"texts": [completion.text for completion in completions]}
            given["prompts"] = [prompt.text for prompt in prompts]
            if references is not None:
                given["references"] = [references.of(prompt) for prompt in prompts]
            return judge.function(**{name: given[name] for name in named})

        return FunctionJudge(judge.name, judge.file, partial(asked), judge.timeout)

    def anchored(self, folder: Path) -> Self:
        """The same with both paths made absolute."""
        anchored = super().anchored(folder)
        if self.references is None:
            return anchored
        return anchored.model_copy(update={"references": str(folder / self.references)})

    def problems(self) -> list[str]:
        """What is wrong with the function, or with its references."""
        problems = super().problems()
        if self.references is not None:
            try:
                of_file(Path(self.references), self.keys)
            except AccordError as error:
                problems.append(f"references: {error}")
        return problems


def _named(function: Callable[..., object]) -> tuple[str, ...] | None:
    """What of texts, prompts and references a function asks for by name; None where it names anything else."""
    try:
        names = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # one that does not say, such as some in C
        return None
    if names and set(names) <= set(NAMED) and "texts" in names:
        return names
    return None
