"""Where in a text its reward is earned: what each token adds to what the reward model makes of the text so far.

With V_t the head's output after token t of a completion, token t earns V_t - V_(t-1), and the first one V_1: they sum
to the score of the whole. Up to the first token's constant these are rewards shaped by a potential (Ng, Harada &
Russell 1999), so the best policy stays the same and learns of it earlier. A reward model is trained on whole texts:
what it makes of half of one is a guess.

Left out: heads that are trained on spans or steps (they give credits of their own).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from accord.interfaces import Judge, Scores
from accord.lm.packed import pack
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.sizes import reading_tokens
from accord.records import Completion, Prompt
from accord.reward.combined import CombinedJudge, MixedJudge

__all__ = ["ByToken", "with_credits"]


@dataclass(frozen=True)
class ByToken:
    """A `Judge` with the scores of `model`, and `credits` at the ends of the tokens that it reads."""

    model: ScalarHeadModel

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The scores of the model, spread over the characters of each completion."""
        answers = [self.model.answer(p, c, key) for key, (p, c) in enumerate(zip(prompts, completions, strict=True))]
        values: list[list[float]] = [[] for _ in answers]  # of each completion, after each of its tokens
        with torch.no_grad():
            for batch in pack(self.model.causal, answers, batch_tokens=reading_tokens(self.model.causal)):
                before_N, last_A = (
                    self.model.overall(raw_NM.double().cpu().numpy()).mean(1) for raw_NM in self.model.along(batch)
                )
                for row, key in enumerate(batch.keys):
                    before_T = before_N[(batch.owner_N == row).cpu().numpy()]
                    values[key] = [*before_T[1:].tolist(), float(last_A[row])]
        earned = tuple(
            tuple(zip(self._ends(answer.completion, text), np.diff(value_T, prepend=0.0).tolist(), strict=True))
            for answer, text, value_T in zip(answers, (c.text for c in completions), values, strict=True)
        )
        return replace(self.model.score(prompts, completions), credits=earned)

    def _ends(self, token_ids: Sequence[int], text: str) -> list[int]:
        """How far into the text each token reaches; the one that ends it stands behind the text."""
        return [min(len(text), reach) for reach in self.model.causal.reaches(token_ids)]


def with_credits(judge: Judge) -> Judge:
    """The judge, saying where its scores are earned where it can be read at each token; else as it is."""
    if isinstance(judge, CombinedJudge) and judge.main is not None:
        return replace(judge, main=with_credits(judge.main))
    if isinstance(judge, MixedJudge):
        return replace(judge, parts={name: with_credits(part) for name, part in judge.parts.items()})
    return ByToken(judge) if isinstance(judge, ScalarHeadModel) else judge
