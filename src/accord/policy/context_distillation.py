"""Context distillation: to write without a text in front as one would have written with it.

The start with the context in front is the teacher, the same start without it the student, and the student learns the
teacher's whole distribution at every token of what the teacher wrote (Askell et al. 2021, arXiv 2112.00861, section
2.2; Snell et al. 2022, arXiv 2209.15189):

    loss = sum_t KL(p(. | context, x, y_<t) || q(. | x, y_<t)) / tokens,    y ~ p(. | context, x).

Nobody judges: what is gained is what the context did, for fewer tokens a question. The loss is exactly what is left of
the KL between both; it would be 0 where they agree.

Left out: the likeliest tokens of the teacher alone (what a teacher behind a wire would give), and contexts that differ
by prompt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from accord.deferred import deferred
from accord.lm.gradients import without_gradients
from accord.policy.supervised import Supervised
from accord.records import Prompt, Sampling
from accord.run import RunDirectory
from accord.train import stage_seed

with deferred():
    import torch
    from torch import Tensor

    from accord.artefacts import CANDIDATES, SupervisedMetrics, WrittenCandidate
    from accord.lm.causal import CausalModel
    from accord.lm.generate import generate
    from accord.lm.logprobs import token_divergences
    from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
    from accord.policy.materials import Material, Materials
    from accord.train import TrainingStep

__all__ = ["ContextDistillation"]


class ContextDistillation(Supervised):
    """Settings of the teacher, beside those of supervised fine-tuning. A step's `loss` is the KL a token, in nats."""

    sentence = "Context distillation then trained the policy to write as its start does with a text in front"

    kind: Literal["context_distillation"] = "context_distillation"
    context: str = Field(min_length=1, description="the system text that the teacher has in front")
    n: int = Field(default=4, ge=1, description="texts that the teacher writes for each prompt")
    sampling: Sampling = Sampling(max_tokens=48)

    @property
    def needs(self) -> frozenset[Material]:
        """Prompts."""
        return frozenset({"prompts"})

    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Write with the context, learn without it. What was written is kept in `<stage>/candidates.jsonl`.

        Raises `RecipeError` where there are no prompts or no model to start from.
        """
        prompts = materials.prompts
        initial = self.resolve_start(materials.start, prompts, stage=stage, lacking="no prompts to answer")
        seed = stage_seed(run, stage)
        if not CANDIDATES.has(run, stage):
            CANDIDATES.write(run, self._written(prompts, initial, seed), stage=stage)
        written = [row for row in CANDIDATES.read(run, stage) if isinstance(row, WrittenCandidate)]
        rows = self.draw_examples(written, seed)
        student = self.open(initial, seed=seed, train=True)
        teacher = self.reference(student, initial, seed=seed)
        by_id = {prompt.id: prompt for prompt in prompts}
        plain = student.encode_prompts(prompts)
        texts = [student.whole_text(row.token_ids, row.finish_reason) for row in rows]
        taught_prompt_ids = {
            name: tuple(student.encode_prompt(prompt.with_system(self.context))) for name, prompt in by_id.items()
        }
        questions, taught = (
            [
                TokenizedCompletion(heads[row.prompt], learnt, key)
                for key, (row, learnt) in enumerate(zip(rows, texts, strict=True))
            ]
            for heads in (plain, taught_prompt_ids)
        )

        def divergence(causal: CausalModel, batch: PackedBatch) -> Tensor:
            taught_ND = _states(teacher, batch, taught)
            return token_divergences(causal, batch, batch.hidden(causal), teacher, taught_ND)

        yield from self.learn(student, questions, run, initial=initial, stage=stage, loss=divergence)

    def _written(self, prompts: Sequence[Prompt], initial: str | Path, seed: int) -> Iterator[WrittenCandidate]:
        """What the start writes with the context in front, under the prompt without it."""
        writer = self.open(initial, seed=seed)
        prompts_ids = [writer.encode_prompt(prompt.with_system(self.context)) for prompt in prompts]
        groups = generate(writer, prompts_ids, self.n, self.sampling.model_copy(update={"seed": seed}))
        for number, (prompt, group) in enumerate(zip(prompts, groups, strict=True)):
            for index, each in enumerate(group):
                yield WrittenCandidate(
                    group=number,
                    index=index,
                    prompt=prompt.id,
                    text=writer.completion(prompt, each, self.sampling).text,
                    token_ids=each.token_ids,
                    finish_reason=each.finish_reason,
                )


@without_gradients
def _states(teacher: CausalModel, batch: PackedBatch, taught: Sequence[TokenizedCompletion]) -> Tensor:
    """The teacher's hidden states that predict each completion token of a batch, in its order, [N, D].

    `taught` are the same completions after the teacher's prompts, by key. Longer prompts pack otherwise, so tokens are
    found again by their answer and their place in it.
    """
    answers = [replace(taught[key], key=place) for place, key in enumerate(batch.keys)]
    size_A = torch.bincount(batch.owner_N, minlength=len(answers))
    first_A = size_A.cumsum(0) - size_A
    states: list[tuple[Tensor, Tensor]] = []
    for each in pack(teacher, answers):
        place_A = torch.tensor(each.keys, device=first_A.device)
        states.append((first_A[place_A[each.owner_N]] + each.step_N, each.hidden(teacher)[each.source_N]))
    order_N, state_ND = (torch.cat(parts) for parts in zip(*states, strict=True))
    return state_ND[order_N.argsort()]
