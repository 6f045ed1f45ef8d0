"""Feedback without anybody judging: texts written under contrasting prompts, the better prompt's preferred.

Yang et al. 2023 (RLCD, arXiv 2307.12950, section 3): a writer answers each prompt once with one text in front and once
with its opposite; the answer under the better one is preferred. Both are kept as answers to the prompt itself, so that
what learns from them (a reward model as in the paper, or any algorithm on pairs) learns what the texts in front did.
The preference is feedback of a rule that carries both texts: nobody has looked at either answer.

Left out: texts in front of the answer instead of the prompt, and whether the answer under the better text is better
(have a program or people judge some of the pairs).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accord.interfaces import Writer
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Record, Sampling

__all__ = ["Contrast", "Contrasted"]


@dataclass(frozen=True)
class Contrasted:
    """What a contrast made: records for a ledger.

    `alike` counts pairs of equal texts, which say nothing and are left out.
    """

    prompts: tuple[Prompt, ...]
    completions: tuple[Completion, ...]
    evaluator: Evaluator
    feedback: tuple[Feedback, ...]
    alike: int

    def __iter__(self) -> Iterator[Record]:
        """All records, whatever they name before them."""
        yield from (*self.prompts, *self.completions, self.evaluator, *self.feedback)


@dataclass(frozen=True)
class Contrast:
    """Two system texts to write under, `plus` the better. The feedback is by a rule, `name`; `seed` draws the sides."""

    plus: str
    minus: str
    name: str = "contrast"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.plus == self.minus:
            raise ValueError("the two texts of a contrast must differ")

    @property
    def evaluator(self) -> Evaluator:
        """Who the feedback is by; both texts are among its attributes."""
        return Evaluator(kind="rule", pseudonym=self.name, attributes={"plus": self.plus, "minus": self.minus})

    def make(self, prompts: Sequence[Prompt], writer: Writer, n: int, sampling: Sampling) -> Contrasted:
        """`n` answers to each prompt under either text, the first of the one against the first of the other, and so on.

        What is made twice is kept once. Raises whatever the writer raises.
        """
        asked = [prompt.told(text) for text in (self.plus, self.minus) for prompt in prompts]
        groups = writer.write(asked, n, sampling)
        completions: dict[str, Completion] = {}
        feedback: dict[str, Feedback] = {}
        alike = 0
        for prompt, better, worse in zip(prompts, groups[: len(prompts)], groups[len(prompts) :], strict=True):
            for pair in zip(better, worse, strict=True):
                if pair[0].text == pair[1].text:
                    alike += 1
                    continue
                chosen, rejected = (each.model_copy(update={"prompt": prompt.id}) for each in pair)
                said = self._said(prompt, chosen, rejected)
                completions |= {chosen.id: chosen, rejected.id: rejected}
                feedback[said.id] = said
        kept = tuple(completions.values())
        return Contrasted(tuple(prompts), kept, self.evaluator, tuple(feedback.values()), alike)

    def _said(self, prompt: Prompt, chosen: Completion, rejected: Completion) -> Feedback:
        """The preference, on a side that is drawn from the pair itself."""
        drawn = hashlib.sha256(f"{self.seed}/{chosen.id}/{rejected.id}".encode()).digest()
        left = drawn[0] % 2 == 0
        return Feedback(
            evaluator=self.evaluator.id,
            prompt=prompt.id,
            completions=(chosen.id, rejected.id) if left else (rejected.id, chosen.id),
            judgement=Comparison(preferred="left" if left else "right"),
        )
