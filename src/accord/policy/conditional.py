"""Conditional training: all texts are learnt, each after a control string that says how good a judge finds it.

-log p(y | x, c) with c by the quantile of the score of (x, y) (Korbak et al. 2023, arXiv 2302.08582, section 2; several
bins as in Lu et al. 2022, arXiv 2205.13636). What is bad is learnt as bad instead of being left out, from a trained
start or from random weights (`base = "tiny"`), and what is asked for afterwards is the best control.

A control is plain text that the chat template writes where the answer begins. It survives saving, adapters and every
tokenizer, and needs no new rows in the embedding, which a start of the same vocabulary could not score; and the saved
model's own template writes the best control, so whoever samples from it asks for that without knowing of it.

Left out: controls for parts of a text (the paper's are for sentences or lines), texts without any control, and further
rounds in which the policy writes and is binned again.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.errors import ModelError, RecipeError
from accord.interfaces import Judge
from accord.policy.budget import SampleBudget
from accord.policy.supervised import Supervised
from accord.records import Prompt
from accord.run import RunDirectory
from accord.train import stage_seed

with deferred():
    from accord.artefacts import CANDIDATES, ConditionalCandidate, SupervisedMetrics
    from accord.lm.causal import CausalModel
    from accord.lm.chat_template import with_control
    from accord.lm.packed import tokenized
    from accord.policy.materials import Material, Materials, SupervisedExample
    from accord.train import TrainingStep

__all__ = ["Conditional", "bins", "controlled"]


def bins(score_N: NDArray[np.float64], quantiles: Sequence[float]) -> NDArray[np.int64]:
    """How many of the scores' own quantiles each score reaches: 0 the lowest bin, len(quantiles) the highest, [N]."""
    return np.searchsorted(np.quantile(score_N, quantiles), score_N, side="right").astype(np.int64)


def controlled(causal: CausalModel, control: str) -> CausalModel:
    """The same model, asked for answers after `control`, in place of any that its template asks for already.

    Raises `ModelError` where its tokenizer has no chat template, or several.
    """
    template = causal.tokenizer.chat_template
    if not isinstance(template, str):
        raise ModelError(f"{causal.name}: its tokenizer has {'no' if template is None else 'several'} chat templates")
    tokenizer = deepcopy(causal.tokenizer)
    tokenizer.chat_template = with_control(template, control)
    return replace(causal, tokenizer=tokenizer)


def _check_distinct(by_control: Mapping[str, CausalModel], prompt: Prompt, stage: str) -> None:
    """Raises `RecipeError` where two controls are the same tokens: a tokenizer may know neither."""
    read: dict[tuple[int, ...], str] = {}
    for control, causal in by_control.items():
        other = read.setdefault(tuple(causal.encode_prompt(prompt)), control)
        if other != control:
            raise RecipeError(
                f"{stage}.controls: {other!r} and {control!r} are the same tokens to {causal.name}; take others"
            )


class Conditional(Supervised):
    """Settings of the controls, beside those of supervised fine-tuning."""

    sentence = "Conditional training then taught the policy all texts, each after a control for its score by that model"
    # Words of the lab's essays that begin none.
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {"controls": ("is", "for")}

    kind: Literal["conditional"] = "conditional"
    controls: tuple[str, ...] = Field(
        default=("<|bad|>", "<|good|>"),
        min_length=2,
        description="from worst to best; the last is asked for afterwards",
    )
    quantiles: tuple[float, ...] = Field(default=(0.5,), description="of the scores, where one control gives way")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if len(set(self.controls)) != len(self.quantiles) + 1 or len(set(self.controls)) != len(self.controls):
            raise ValueError(f"{len(self.controls)} different controls need {len(self.controls) - 1} quantiles")
        edges = (0.0, *self.quantiles, 1.0)
        if any(low >= high for low, high in pairwise(edges)):
            raise ValueError(f"quantiles must rise between 0 and 1, not {list(self.quantiles)}")
        return self

    @property
    def needs(self) -> frozenset[Material]:
        """Every completion that was compared, and a judge of them."""
        return frozenset({"compared", "judge"})

    @classmethod
    def within(cls, budget: SampleBudget) -> dict[str, Any]:
        """Every text is read once."""
        return {"batch_size": budget.texts_per_step}

    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Score, bin and learn. Every example is kept in `<stage>/candidates.jsonl`, with its score and its control.

        Raises `RecipeError` where there are no examples or no model to start from, where two controls are the same
        tokens to it, or where so many examples score alike that a control is left without any.
        """
        examples = materials.compared
        initial = self.resolve_start(materials.start, examples, stage=stage, lacking="no examples to learn from")
        seed = stage_seed(run, stage)
        drawn = self.draw_examples(examples, seed)
        causal = self.open(initial, seed=seed, train=True)
        by_control = {control: controlled(causal, control) for control in self.controls}
        _check_distinct(by_control, drawn[0].prompt, stage)
        if not CANDIDATES.has(run, stage):
            CANDIDATES.write(run, self._binned(drawn, materials.judge, stage), stage=stage)
        rows = [row for row in CANDIDATES.read(run, stage) if isinstance(row, ConditionalCandidate)]
        answers = [
            tokenized(causal, by_control[row.control].encode_prompt(example.prompt), example.completion, key)
            for key, (example, row) in enumerate(zip(drawn, rows, strict=True))
        ]
        weights = [example.weight for example in drawn]
        best = by_control[self.controls[-1]]
        yield from self.learn(best, answers, run, initial=initial, stage=stage, weights=weights)

    def _binned(self, examples: Sequence[SupervisedExample], judge: Judge, stage: str) -> list[ConditionalCandidate]:
        """Every example with its score and its control."""
        prompts, completions = [e.prompt for e in examples], [e.completion for e in examples]
        score_N = judge.score(prompts, completions).value_N
        bin_N = bins(score_N, self.quantiles)
        for number, control in enumerate(self.controls):
            if number not in bin_N:
                raise RecipeError(f"{stage}: no example falls under {control}: too many score alike; change quantiles")
        return [
            ConditionalCandidate(
                index=index,
                prompt=example.prompt.id,
                completion=example.completion.id,
                text=example.completion.text,
                reward=float(score_N[index]),
                control=self.controls[bin_N[index]],
                feedback_ids=example.feedback_ids or None,
            )
            for index, example in enumerate(examples)
        ]
