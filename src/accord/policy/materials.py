"""What an algorithm may learn from: every part is made when it is first asked for."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.records import Completion, Prompt

__all__ = ["Example", "Material", "Materials"]

Example = tuple[Prompt, Completion]

Material = Literal["prompts", "judge", "pairs", "examples", "compared", "preferred"]


class Materials:
    """Materials given by hand. What is not given is drawn from the train split of `data`.

    A subclass that makes them (from a run, from samples) overrides the properties that it has.
    """

    def __init__(
        self,
        *,
        start: str | Path | None = None,
        prompts: Sequence[Prompt] | None = None,
        judge: Judge | None = None,
        data: Dataset | None = None,
        examples: Sequence[Example] | None = None,
        compared: Sequence[Example] | None = None,
        preferred: Sequence[Example] | None = None,
    ) -> None:
        self._start, self._judge, self._data = start, judge, data
        self._prompts, self._examples, self._compared, self._preferred = prompts, examples, compared, preferred

    @property
    def start(self) -> str | Path | None:
        """The initial policy, which is also the reference, of an algorithm that names no `base` of its own."""
        return self._start

    @property
    def judge(self) -> Judge:
        """What scores completions. Raises `RecipeError` where there is nothing that does."""
        if self._judge is None:
            raise RecipeError("no judge to learn from; add a [reward] section")
        return self._judge

    @property
    def data(self) -> Dataset:
        """The data set. Raises `RecipeError` where there is none."""
        if self._data is None:
            raise RecipeError("no data set to learn from")
        return self._data

    @property
    def prompts(self) -> Sequence[Prompt]:
        """Prompts that the policy is to answer."""
        return self.data.prompts_of("train") if self._prompts is None else self._prompts

    @property
    def examples(self) -> Sequence[Example]:
        """What the supervised start learns from."""
        return (
            self._of_data(example.completion for example in self.data.examples)
            if self._examples is None
            else self._examples
        )

    @property
    def compared(self) -> Sequence[Example]:
        """Every completion that stands in a pair, better or worse."""
        if self._compared is not None:
            return self._compared
        pairs = self.data.pairs["train"]
        return self._of_data(dict.fromkeys(name for pair in pairs for name in (pair.chosen, pair.rejected)))

    @property
    def preferred(self) -> Sequence[Example]:
        """Every completion that was preferred to another, by id."""
        if self._preferred is not None:
            return self._preferred
        return self._of_data(sorted({pair.chosen for pair in self.data.pairs["train"] if not pair.tie}))

    def _of_data(self, names: Iterable[str]) -> list[Example]:
        """Completions of the data set with the prompts that they answer."""
        completions = [self.data.completions[name] for name in names]
        return [(self.data.prompts[completion.prompt], completion) for completion in completions]
