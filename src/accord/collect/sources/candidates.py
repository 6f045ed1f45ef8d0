"""Completions for the bare prompts of a study: those of a writer that the ledger has already, else written now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from accord.collect.sources.study_items import AskedItem
from accord.collect.study import Study
from accord.feedback.store.ledger import Ledger
from accord.interfaces import Writer
from accord.records import Completion

__all__ = ["Candidates"]

AT_ONCE = 16
MAX_TRIES = 3


@dataclass(frozen=True)
class Candidates:
    """Who writes them. What people judged is judged again: completions by this writer under the study's sampling."""

    study: Study
    ledger: Ledger
    writer: Writer
    seed: int = 0

    @property
    def number(self) -> int:
        """How many a prompt gets."""
        return self.study.candidates or self.study.question.candidates

    def complete(self, items: Sequence[AskedItem]) -> tuple[list[AskedItem], list[AskedItem]]:
        """The items, bare ones with completions; and those for which too few different ones could be written.

        Raises whatever the writer raises; what it wrote before is kept.
        """
        whole = [item for item in items if item.completions or self.number == 0]
        bare = [item for item in items if not item.completions and self.number]
        incomplete: list[AskedItem] = []
        for start in range(0, len(bare), AT_ONCE):
            for item in self._written(bare[start : start + AT_ONCE]):
                (whole if len(item.completions) == self.number else incomplete).append(item)
        return whole, incomplete

    def _written(self, items: Sequence[AskedItem]) -> list[AskedItem]:
        """The items with as many different completions as there are to be, or as there came to be."""
        earlier = self.ledger.answers_to({item.prompt.id for item in items})
        texts = {item.prompt.id: self._usable(earlier.get(item.prompt.id, ())) for item in items}
        for attempt in range(MAX_TRIES):
            incomplete = [item for item in items if len(texts[item.prompt.id]) < self.number]
            if not incomplete:
                break
            sampling = self.study.sampling.model_copy(update={"seed": self.seed * MAX_TRIES + attempt})
            groups = self.writer.write([item.prompt for item in incomplete], self.number, sampling)
            for item, group in zip(incomplete, groups, strict=True):
                self.ledger.add(item.prompt, *group)
                texts[item.prompt.id] = self._usable(group) | texts[item.prompt.id]
        return [replace(item, completions=tuple(islice(texts[item.prompt.id].values(), self.number))) for item in items]

    def _usable(self, completions: Sequence[Completion]) -> dict[str, Completion]:
        """By its text each that this writer wrote as the study samples, and that can be judged."""
        return {
            completion.text: completion
            for completion in completions
            if completion.text.strip()
            and completion.writer == self.writer.name
            and completion.sampling is not None
            and completion.sampling.model_copy(update={"seed": self.study.sampling.seed}) == self.study.sampling
            and self.study.question.unanswerable([completion]) is None
        }
