"""A comparator as a judge of completions that answer prompts with references."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.interfaces import Scores
from accord.records import Completion, Prompt
from accord.reward.stated.references import References
from accord.verdicts.marks import UnusableReferenceError

with deferred():
    from accord.reward.comparator.comparing import Comparator

__all__ = ["TextComparisonJudge", "texts_of"]


@dataclass(frozen=True)
class TextComparisonJudge:
    """A `Judge` that compares each completion with the references of its prompt; of several, the best one counts."""

    name: str
    comparator: Comparator
    references: References
    extra_weight: float

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """same - extra_weight * extra, with both as components.

        Raises `RecipeError` for a prompt without a reference, `ModelError` where a text is longer than can be read.
        """
        wanted = [self._texts(prompt) for prompt in prompts]
        pairs = [
            (n, each.text, text)
            for n, (each, texts) in enumerate(zip(completions, wanted, strict=True))
            for text in texts
        ]
        compared = self.comparator.compare([text for _, text, _ in pairs], [reference for _, _, reference in pairs])
        worth = compared.same_N - self.extra_weight * compared.extra_N
        best_N = np.full(len(completions), -1)
        for place, (n, _, _) in enumerate(pairs):
            if best_N[n] < 0 or worth[place] > worth[best_N[n]]:
                best_N[n] = place
        components = {"same": Scores(compared.same_N[best_N]), "extra": Scores(compared.extra_N[best_N])}
        return Scores(worth[best_N], components=components)

    def _texts(self, prompt: Prompt) -> list[str]:
        try:
            return texts_of(self.references.of(prompt))
        except UnusableReferenceError as error:
            raise RecipeError(f"{self.references.origin}: prompt {prompt.id}: {error}") from error


def texts_of(reference: Any) -> list[str]:
    """The texts of a reference: its `reference`, else its `answer`; one or several.

    Raises `UnusableReferenceError` where it has none.
    """
    if isinstance(reference, dict):
        reference = reference.get("reference", reference.get("answer"))
    texts = [reference] if isinstance(reference, str) else reference
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise UnusableReferenceError('no text to compare with; write {"prompt": "...", "reference": "..."}')
    return texts
