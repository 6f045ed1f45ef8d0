"""What an algorithm may learn from: every part is made when it is first asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from accord.artefacts.on_demand import on_demand_if_many
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.policy.samples_ahead import RemoteSampler
from accord.records import Completion, Pair, Prompt

__all__ = ["FROM_PAIRS", "Material", "Materials", "SupervisedExample"]


Material = Literal["prompts", "judge", "pairs", "examples", "compared", "preferred"]
FROM_PAIRS: frozenset[Material] = frozenset({"pairs", "compared", "preferred"})
"""What is drawn from pairs."""


class SupervisedExample(NamedTuple):
    """A completion to be learnt after its prompt; it counts by its weight. `evaluators` said so, in `feedback_ids`."""

    prompt: Prompt
    completion: Completion
    weight: float = 1.0
    evaluators: tuple[str, ...] = ()
    feedback_ids: tuple[str, ...] = ()


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
        examples: Sequence[SupervisedExample] | None = None,
        compared: Sequence[SupervisedExample] | None = None,
        preferred: Sequence[SupervisedExample] | None = None,
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
    def remote_sampler(self) -> Callable[[], RemoteSampler] | None:
        """What opens a sampler of the policy elsewhere; None where the process that trains samples itself."""
        return None

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
    def examples(self) -> Sequence[SupervisedExample]:
        """What the supervised start learns from."""
        if self._examples is not None:
            return self._examples
        prompts, completions, drawn = self.data.prompts, self.data.completions, self.data.examples

        def make(place: int) -> SupervisedExample:
            example = drawn[place]
            return SupervisedExample(
                prompts[example.prompt],
                completions[example.completion],
                example.weight,
                example.evaluators,
                example.feedback_ids,
            )

        return on_demand_if_many(len(drawn), make, of=completions)

    @property
    def compared(self) -> Sequence[SupervisedExample]:
        """Every completion that stands in a pair, in order of their first one; it weighs the mean of its pairs."""
        if self._compared is not None:
            return self._compared
        pairs_of: dict[str, list[Pair]] = {}
        for pair in self.data.pairs["train"]:
            for name in (pair.chosen, pair.rejected):
                pairs_of.setdefault(name, []).append(pair)
        return self._from_pairs(pairs_of)

    @property
    def preferred(self) -> Sequence[SupervisedExample]:
        """Every completion that was preferred to another, by id; it weighs the mean of the pairs that it won."""
        if self._preferred is not None:
            return self._preferred
        pairs_of: dict[str, list[Pair]] = {}
        for pair in self.data.pairs["train"]:
            if not pair.tie:
                pairs_of.setdefault(pair.chosen, []).append(pair)
        return self._from_pairs({name: pairs_of[name] for name in sorted(pairs_of)})

    def _from_pairs(self, pairs_of: Mapping[str, Sequence[Pair]]) -> Sequence[SupervisedExample]:
        """Completions by the pairs that each stands in: their mean weight, and who compared."""
        prompts, completions, names = self.data.prompts, self.data.completions, list(pairs_of)

        def make(place: int) -> SupervisedExample:
            completion, pairs = completions[names[place]], pairs_of[names[place]]
            return SupervisedExample(
                prompts[completion.prompt],
                completion,
                weight=sum(pair.weight for pair in pairs) / len(pairs),
                evaluators=_distinct(pair.evaluator for pair in pairs if pair.evaluator is not None),
                feedback_ids=_distinct(feedback for pair in pairs for feedback in pair.feedback_ids),
            )

        return on_demand_if_many(len(names), make, of=completions)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
