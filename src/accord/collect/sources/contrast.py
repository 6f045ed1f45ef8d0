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
from accord.records import Comparison, Completion, Declined, Evaluator, Feedback, Prompt, Record, Sampling

__all__ = ["ContrastSource"]

EQUAL = "the same text under both"


@dataclass(frozen=True)
class ContrastSource:
    """A `Source` that writes under two system texts, `plus` the better, and prefers what `plus` wrote.

    prompts    what is answered
    writer     who answers, `n` times a prompt under either text, sampled by `sampling`
    name       the pseudonym of an evaluator of kind "rule"
    seed       draws the sides
    study      the study that the feedback is of
    """

    plus: str
    minus: str
    prompts: Sequence[Prompt]
    writer: Writer
    n: int
    sampling: Sampling
    name: str = "contrast"
    seed: int = 0
    study: str | None = None

    def __post_init__(self) -> None:
        if self.plus == self.minus:
            raise ValueError("the two texts of a contrast must differ")

    @property
    def evaluator(self) -> Evaluator:
        """Who the feedback is by; both texts are among its attributes."""
        return Evaluator(kind="rule", pseudonym=self.name, attributes={"plus": self.plus, "minus": self.minus})

    def records(self) -> Iterator[Record]:
        """The evaluator and the prompts, then both completions and the preference of each pair.

        The first answer under the one text is held against the first under the other, and so on. Equal texts are
        declined: there is nothing to prefer. Raises whatever the writer raises.
        """
        yield self.evaluator
        yield from self.prompts
        contrasted = [prompt.with_system(text) for text in (self.plus, self.minus) for prompt in self.prompts]
        groups = self.writer.write(contrasted, self.n, self.sampling)
        half = len(self.prompts)
        for prompt, better, worse in zip(self.prompts, groups[:half], groups[half:], strict=True):
            for pair in zip(better, worse, strict=True):
                chosen, rejected = (completion.model_copy(update={"prompt": prompt.id}) for completion in pair)
                if chosen.text == rejected.text:
                    yield from (chosen, self._declined(prompt, chosen))
                else:
                    yield from (chosen, rejected, self._preference(prompt, chosen, rejected))

    def _declined(self, prompt: Prompt, completion: Completion) -> Feedback:
        return Feedback(
            evaluator=self.evaluator.id,
            prompt=prompt.id,
            completions=(completion.id,),
            judgement=Declined(reason=EQUAL),
            study=self.study,
        )

    def _preference(self, prompt: Prompt, chosen: Completion, rejected: Completion) -> Feedback:
        """The preference, on a side that is drawn from the pair itself."""
        digest = hashlib.sha256(f"{self.seed}/{chosen.id}/{rejected.id}".encode()).digest()
        left = digest[0] % 2 == 0
        return Feedback(
            evaluator=self.evaluator.id,
            prompt=prompt.id,
            completions=(chosen.id, rejected.id) if left else (rejected.id, chosen.id),
            judgement=Comparison(preferred="left" if left else "right"),
            study=self.study,
        )
