"""Critique and revise: a model corrects an answer by way of what it finds wrong with it, by a principle.

Bai et al. 2022 (Constitutional AI, arXiv 2212.08073, section 3.1): a principle is drawn, the model says in which ways
the answer falls short of it, then writes the answer anew with that before it. Both are kept, the critique and the
correction, as feedback of the model about the answer.

Left out: several rounds one after another, each with another principle (ask a study of the corrections).
"""

from dataclasses import dataclass, replace
from functools import cached_property

from accord.collect.sources.answering import Answer
from accord.collect.sources.judge_prompt import CRITICISE, JudgePrompt
from accord.collect.sources.model import ModelAnswerer, declined
from accord.collect.study.kinds.critique import CritiqueQuestion
from accord.interfaces import Item
from accord.records import Critique, Declined, Judgement

__all__ = ["CritiqueReviseAnswerer"]
TOKENS_OF_WORDS = 1_000  # of what is said about critiques, beside the template


@dataclass(frozen=True)
class CritiqueReviseAnswerer(ModelAnswerer):
    """An `Answerer` of studies that ask for corrections; it needs principles."""

    depends_on_order = False
    method = "critique and revise"

    def most_tokens(self, item: Item) -> int:
        """Those of the critique, and of the correction with a critique before it that is as long as it may be."""
        return 2 * (super().most_tokens(item) + TOKENS_OF_WORDS) + 2 * self.sampling.max_tokens

    def answer(self, item: Item) -> Answer:
        """The correction, with the critique on its way; `Declined` where either could not be read.

        Raises `ModelError` where the model gives no answer at all.
        """
        principles = self.principles_for(item)
        principle = self.principle_on_record(principles)
        critique = replace(self.converse(self._critic, item, principles), principle=principle)
        if not isinstance(critique.judgement, Critique):
            return replace(critique, judgement=declined(f"no critique to go by: {_reason(critique.judgement)}"))
        correction = self.converse(self.prompt, item, principles, critique.judgement.text)
        return replace(correction, principle=principle, on_the_way=(critique,))

    @cached_property
    def _critic(self) -> JudgePrompt:
        """How the critique is asked for. Examples are of corrections, and are told with these alone."""
        return replace(self.prompt, question=CritiqueQuestion(text=CRITICISE), examples=())


def _reason(judgement: Judgement) -> str:
    return (judgement.reason if isinstance(judgement, Declined) else None) or "none was given"
