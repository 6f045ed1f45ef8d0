"""A policy that settled on the first good text that it tried, prompt by prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log1p

import numpy as np

from accord.lab.lexicon import Policy, WordJudge
from accord.records import Completion, Prompt

__all__ = ["SettledPolicy"]

A_LITTLE = 0.75  # SDs of the start's texts
Text = tuple[str, list[int]]


@dataclass(frozen=True)
class SettledPolicy(Policy):
    """To each prompt the same text by the chance `settled`; else what its start writes.

    That text is the first of the start's that `judge` puts a little above the start's mean, which is 0: as a policy has
    it that makes what was once rewarded more than its group so likely that nothing else is tried.
    """

    settled: float = 0.0
    judge: WordJudge | None = None
    text_of: dict[str, Text] | None = None

    @classmethod
    def of(cls, start: Policy, settled: float, judge: WordJudge, text_of: dict[str, Text]) -> "SettledPolicy":
        """A policy whose texts by prompt are kept in `text_of`, which several steps share."""
        return cls(start.logprob_V, start.shortest, start.longest, settled, judge, text_of)

    def answer(self, prompt: str, random: np.random.Generator) -> Text:
        if random.random() >= self.settled or self.judge is None or self.text_of is None:
            return self.write(random)
        while prompt not in self.text_of:
            text, tokens = self.write(random)
            score_N = self.judge.score([Prompt.ask(prompt)], [Completion(prompt=prompt, text=text)]).value_N
            if 0 < score_N[0] < A_LITTLE:
                self.text_of[prompt] = (text, tokens)
        return self.text_of[prompt]

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        own = super().logprobs(tokens)
        if self.text_of is not None and any(tokens == kept for _, kept in self.text_of.values()):
            of_text = float(np.logaddexp(log(self.settled), log1p(-self.settled) + sum(own)))
            return [of_text / len(own)] * len(own)  # how it is spread over the tokens nothing asks
        return [own[0] + log1p(-self.settled), *own[1:]]
