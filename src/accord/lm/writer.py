"""A model as a writer: whatever asks for texts by `accord.interfaces.Writer` may be answered by one."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from accord.interfaces import Reply
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.records import Completion, Prompt, Sampling, Usage

__all__ = ["ModelWriter"]


@dataclass(frozen=True)
class ModelWriter:
    """A `Writer` that samples from a model, `batch` texts at a time (unset: as `accord.lm.generate` has it).

    Any number of threads may ask; one call at a time uses the model.
    """

    causal: CausalModel
    batch: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What the model was loaded from."""
        return self.causal.name

    def room(self, prompt: Prompt) -> int:
        """Tokens that an answer to the prompt may have before the model's context ends."""
        return self.causal.context - len(self.causal.encode_prompt(prompt))

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        """`n` completions for each prompt, in the order of the prompts, each with the token ids that were sampled.

        Each says by its `finish_reason` whether it ended itself or was cut off. The seed of `sampling` (0 where it is
        unset) decides the texts of a call. Raises `ModelError` as `accord.lm.generate.generate` does.
        """
        ids = [self.causal.encode_prompt(prompt) for prompt in prompts]
        with self._lock:
            groups = generate(self.causal, ids, n, sampling, batch=self.batch)
        return [
            [self.causal.completion(prompt, sample, sampling) for sample in group]
            for prompt, group in zip(prompts, groups, strict=True)
        ]

    def reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        """One answer with its tokens counted: a `Chat`. Raises as `write`."""
        ids = self.causal.encode_prompt(prompt)
        with self._lock:
            ((sample,),) = generate(self.causal, [ids], 1, sampling)
        completion = self.causal.completion(prompt, sample, sampling)
        usage = Usage(input_tokens=len(ids), output_tokens=len(sample.token_ids))
        return Reply(completion.text, usage, sample.finish_reason)
