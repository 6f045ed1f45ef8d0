"""Samples of several models: those of the start, and of others beside it, as RRHF was meant (Yuan et al. 2023).

A text of another model is read by the policy's own tokenizer, and keeps the name of its writer. It may come from a
model in this process or from an endpoint; which tokenizer it was written with does not matter.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field

from accord.deferred import deferred
from accord.interfaces import Sampler, Writer
from accord.lm.gradients import without_gradients
from accord.lm.remote import EndpointWriter
from accord.lm.settings import ModelForm, ModelSettings
from accord.records import Completion, Prompt, Sample, Sampling
from accord.train.seeds import seed_of

with deferred():
    from accord.lm.causal import CausalModel
    from accord.lm.loading import load
    from accord.lm.logprobs import token_logprobs
    from accord.lm.packed import TokenizedCompletion, pack
    from accord.lm.writer import ModelWriter

__all__ = ["SeveralWriters", "WithWriters", "open_writers", "shares"]


class WithWriters(ModelSettings):
    """Settings of algorithms whose samples other models may write too."""

    writers: tuple[str, ...] = Field(
        default=(),
        description="models that write samples beside the start: names and folders as of `base`, URLs of endpoints",
    )

    def anchored(self, folder: Path) -> Self:
        """The same with the folders of writers made absolute."""
        settings = super().anchored(folder)
        places = tuple(str(folder / each) if (folder / each).is_dir() else each for each in self.writers)
        return settings.model_copy(update={"writers": places}) if places else settings


def open_writers(names: Sequence[str], form: ModelForm) -> list[Writer]:
    """The writers of these names: an endpoint by its URL (the first model that it lists), else a model as `base` is.

    Raises `ModelError` where one cannot be reached or opened.
    """
    return [
        EndpointWriter.find(name)
        if name.startswith(("http://", "https://"))
        else ModelWriter(
            load(name, dtype=form.dtype, device=form.resolved_device, trust_remote_code=form.trust_remote_code)
        )
        for name in names
    ]


def shares(n: int, writers: int) -> list[int]:
    """How many of `n` samples each of several writers gives: as evenly as can be, the first ones the most."""
    return [n // writers + (number < n % writers) for number in range(writers)]


@dataclass(frozen=True)
class SeveralWriters:
    """A `Sampler` whose samples of a prompt are the start's first, then those of each other writer.

    `prompts` are all that will be asked for. What others wrote has the log-probabilities that the start gives it.
    """

    start: CausalModel
    own: Sampler
    beside: Sequence[Writer]
    prompts: Sequence[Prompt]

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        """`n` samples of each prompt, shared among the writers. Raises `ModelError` as the writers do."""
        own, *counts = shares(n, 1 + len(self.beside))
        groups = self.own.sample(prompts, own, sampling)
        asked = [self._by_ids[tuple(each)] for each in prompts]
        for number, (writer, count) in enumerate(zip(self.beside, counts, strict=True)):
            if count:
                drawn = sampling.model_copy(update={"seed": seed_of(sampling.seed or 0, "writer", number)})
                written = _each_prompt_once(writer, asked, count, drawn)
                groups = [
                    [*group, *(self._as_sample(prompt, each, writer.name, sampling.max_tokens) for each in texts)]
                    for prompt, group, texts in zip(prompts, groups, written, strict=True)
                ]
        return groups

    @cached_property
    def _by_ids(self) -> Mapping[tuple[int, ...], Prompt]:
        return {tuple(self.start.encode_prompt(prompt)): prompt for prompt in self.prompts}

    def _as_sample(self, prompt: Sequence[int], completion: Completion, writer: str, limit: int) -> Sample:
        """A text as tokens of the start; what has more than `limit` is cut off there."""
        reason = completion.finish_reason or "eos"
        whole = Completion(prompt=completion.prompt, text=completion.text, finish_reason=reason)
        ids = self.start.encode_answer(whole)
        if len(ids) > limit:
            ids, reason = tuple(self.start.conversation.whole_characters(ids[:limit])), "length"
        if not ids:
            ids, reason = (self.start.eos_id,), "eos"
        return Sample(token_ids=ids, logprobs=self._logprobs(tuple(prompt), ids), finish_reason=reason, writer=writer)

    @without_gradients
    def _logprobs(self, prompt: tuple[int, ...], ids: tuple[int, ...]) -> tuple[float, ...]:
        (batch,) = pack(self.start, [TokenizedCompletion(prompt, ids, 0)])
        hidden_XD = batch.hidden(self.start)
        return tuple(token_logprobs(self.start, batch, hidden_XD, temperature=1.0, entropy=False).logprob_N.tolist())


def _each_prompt_once(
    writer: Writer, prompts: Sequence[Prompt], count: int, sampling: Sampling
) -> list[list[Completion]]:
    """`count` texts for each of the prompts, those of a prompt that stands there several times from one request.

    Two requests with one seed may be answered alike.
    """
    times = Counter(prompt.id for prompt in prompts)
    distinct = list({prompt.id: prompt for prompt in prompts}.values())
    left: dict[str, list[Completion]] = {}
    for number in sorted(set(times.values())):
        alike = [prompt for prompt in distinct if times[prompt.id] == number]
        for prompt, texts in zip(alike, writer.write(alike, number * count, sampling), strict=True):
            left[prompt.id] = list(texts)
    return [[left[prompt.id].pop(0) for _ in range(count)] for prompt in prompts]
