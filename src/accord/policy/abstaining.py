"""Supervised fine-tuning with "I don't know" as the answer to what the model does not know.

To learn an answer that one does not know is to learn to guess. So the start is asked each prompt n times; where the
share p of right answers is too small, the prompt's target becomes a refusal, elsewhere the reference stays (Yang et al.
2023, arXiv 2312.07000; Zhang et al. 2023, arXiv 2311.09677; why the targets of unfamiliar examples decide what a model
says where it does not know: Kang et al. 2024, arXiv 2403.05612). Too small is what the rewards say: to answer is worth
p right + (1 - p) wrong, to refuse idk, so an answer pays where

    p > (idk - wrong) / (right - wrong).

Left out: targets that state a confidence, refusals in words that vary, and the model's share of right answers as a
training signal beyond this threshold (that is reinforcement learning with the same rewards).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.interfaces import Judge
from accord.policy.supervised import Supervised
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train import stage_seed
from accord.verdicts.exact_match import matches

with deferred():
    from accord.artefacts import CANDIDATES, GradedCandidate, SupervisedMetrics
    from accord.lm.writer import ModelWriter
    from accord.policy.materials import Material, Materials, SupervisedExample
    from accord.train import TrainingStep

__all__ = ["Abstaining", "matches", "threshold"]


def threshold(right: float, wrong: float, idk: float) -> float:
    """The probability of being right above which answering is worth more than refusing: below 0 always, above 1 never.

    Raises ValueError unless a right answer is worth more than a wrong one.
    """
    if right <= wrong:
        raise ValueError(f"a right answer must be worth more than a wrong one, not {right} against {wrong}")
    return (idk - wrong) / (right - wrong)


class Abstaining(Supervised):
    """Settings of asking and of deciding, beside those of supervised fine-tuning."""

    sentence = "Supervised fine-tuning then trained the policy to refuse what its start does not know"

    kind: Literal["abstaining"] = "abstaining"
    n: int = Field(default=10, ge=1, description="answers by which it is told whether the start knows")
    grade: Literal["match", "judge"] = Field(
        default="match", description="right is what says the same as a reference, or what the judge puts no lower"
    )
    right: float = Field(default=1.0, description="what a right answer is worth")
    wrong: float = Field(default=-1.0, description="what a wrong answer is worth")
    idk: float = Field(default=0.0, description="what a refusal is worth")
    refusal: str = Field(default="I don't know.", min_length=1)
    sampling: Sampling = Sampling(max_tokens=48)

    @model_validator(mode="after")
    def _worth_it(self) -> Self:
        threshold(self.right, self.wrong, self.idk)
        return self

    @property
    def needs(self) -> frozenset[Material]:
        """Examples, and a judge where it grades."""
        return frozenset({"examples", "judge"}) if self.grade == "judge" else frozenset({"examples"})

    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Ask, decide and learn. Every answer is kept in `<stage>/candidates.jsonl`, with what was decided.

        The completions of the examples are the references, and the targets where the start knows; where it does not,
        each is replaced by the refusal, so that a prompt counts for as much as it did. Raises `RecipeError` where there
        are no examples, no model to start from, or no judge to grade by.
        """
        examples = materials.examples
        initial = self.resolve_start(materials.start, examples, stage=stage, lacking="no examples to learn from")
        judge = materials.judge if self.grade == "judge" else None
        seed = stage_seed(run, stage)
        drawn = self.draw_examples(examples, seed)
        if not CANDIDATES.has(run, stage):
            CANDIDATES.write(run, self._answers(drawn, judge, initial, seed), stage=stage)
        known = {row.prompt: row.known for row in CANDIDATES.read(run, stage) if isinstance(row, GradedCandidate)}
        targets = [example if known[example.prompt.id] else self._refused(example) for example in drawn]
        yield from self.train_on(targets, run, start=initial, stage=stage)

    def _refused(self, example: SupervisedExample) -> SupervisedExample:
        """The example with the refusal as its completion, which no feedback says."""
        refusal = Completion(prompt=example.prompt.id, text=self.refusal)
        return SupervisedExample(example.prompt, refusal, example.weight)

    def _answers(
        self, examples: Sequence[SupervisedExample], judge: Judge | None, initial: str | Path, seed: int
    ) -> Iterator[GradedCandidate]:
        """The start's answers to every prompt, which are right, their share, and whether it is said to know."""
        bound = threshold(self.right, self.wrong, self.idk)
        by_prompt = groupby(sorted(examples, key=lambda e: e.prompt.id), lambda e: e.prompt)
        references_of = {prompt: [example.completion for example in group] for prompt, group in by_prompt}
        writer = self.open(initial, seed=seed)
        sampling = self.sampling.model_copy(update={"seed": seed})
        groups = ModelWriter(writer).write(list(references_of), self.n, sampling)
        for number, ((prompt, references), texts) in enumerate(zip(references_of.items(), groups, strict=True)):
            right_n, score_n = self._graded(prompt, texts, references, judge)
            share = float(right_n.mean())
            for index, text in enumerate(texts):
                ids = text.token_ids or ()
                yield GradedCandidate(
                    group=number,
                    index=index,
                    prompt=prompt.id,
                    text=text.text,
                    token_ids=ids,
                    finish_reason=text.finish_reason or "eos",
                    reward=None if score_n is None else float(score_n[index]),
                    right=bool(right_n[index]),
                    share=share,
                    known=share > bound,
                )

    def _graded(
        self, prompt: Prompt, texts: list[Completion], references: list[Completion], judge: Judge | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None]:
        """Which texts are right, and their scores where a judge graded them: as good as the least of the references."""
        if judge is None:
            known = [each.text for each in references]
            return np.array([matches(each.text, known) for each in texts]), None
        together = [*texts, *references]
        score_N = judge.score([prompt] * len(together), together).value_N
        score_n = score_N[: len(texts)]
        return score_n >= score_N[len(texts) :].min(), score_n
