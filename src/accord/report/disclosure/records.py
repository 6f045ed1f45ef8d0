"""What the items read: a run, each file once, with the evidence that it gives and what of it may be told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from accord.artefacts import (
    COMPLETIONS,
    EVALUATORS,
    FINDINGS,
    MODEL,
    POPULATION,
    PROMPTS,
    SPLITS,
    Artefact,
    DisclosureEvidence,
    Finding,
    RunReader,
    feedback_of,
)
from accord.feedback.provenance import is_identified
from accord.feedback.quality.measure import Quality, measure_quality
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Completion, Evaluator, Feedback, Prompt
from accord.report.disclosure.privacy import Privacy, texts_of_feedback
from accord.report.disclosure.statements import Statements
from accord.report.optional import findings_of, recipe_of, rows_of_file
from accord.run import FileEntry

__all__ = ["Records", "secret_texts"]

PEOPLES = frozenset({EVALUATORS.file, *(feedback_of(split).file for split in SPLITS)})
"""Files of who judged, and of what they said."""


class Records:
    """A run as the items read it, and what was stated and signed of it. Raises `ArtefactError` for an altered file."""

    def __init__(self, reader: RunReader, privacy: Privacy, statements: Statements | None = None) -> None:
        self.reader, self.privacy = reader, privacy
        self.statements = statements or Statements()

    # -- evidence --------------------------------------------------------------------------------------------

    def evidence(self, artefact: Artefact, stage: str = "") -> DisclosureEvidence:
        """A file of the run with its digest; of a folder its path.

        Of few people and what they said a digest could be guessed, so a redacted version leaves these out.
        """
        path = self.reader.path(artefact, stage)
        entry = self.reader.run.manifest.files.get(path)
        private = self.privacy.redacting and artefact.file in PEOPLES
        return DisclosureEvidence(file=path, sha256=None if entry is None or private else entry.sha256)

    def answers_evidence(self) -> tuple[DisclosureEvidence, ...]:
        """The files of what was said, and of who said it."""
        files: list[Artefact] = [*(feedback_of(split) for split in SPLITS), EVALUATORS]
        return tuple(self.evidence(each) for each in files if self.reader.has(each))

    # -- settings and models ---------------------------------------------------------------------------------

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The settings as nested dictionaries; none where the run has no recipe."""
        return recipe_of(self.reader)

    def section(self, *names: str) -> dict[str, Any]:
        """A section of the recipe; empty where it is not there."""
        content: Any = self.recipe
        for name in names:
            content = content.get(name) if isinstance(content, dict) else None
        return content if isinstance(content, dict) else {}

    @property
    def excluded(self) -> list[str]:
        """Evaluators, judgements and studies that the recipe leaves out by name."""
        names = self.section("data").get("exclude", [])
        return [str(name) for name in names] if isinstance(names, list) else []

    @cached_property
    def reward_stages(self) -> dict[str, str]:
        """The stages of rewards by what each is called, those that the recipe or the run's files name."""
        stages = {"reward": "the reward model"}
        stages |= {f"rewards/{name}": f"the reward '{name}'" for name in self.section("rewards")}
        return stages | {"eval_reward": "the independent judge"}

    def files_of(self, artefact: Artefact, stage: str) -> Iterator[tuple[str, FileEntry]]:
        """The files of a folder of the run, by path, in order."""
        folder = self.reader.path(artefact, stage) + "/"
        for name, entry in sorted(self.reader.run.manifest.files.items()):
            if name.startswith(folder):
                yield name, entry

    def has_model(self, stage: str) -> bool:
        """Whether the run keeps the model of a stage."""
        return self.reader.has(MODEL, stage)

    # -- what was said ---------------------------------------------------------------------------------------

    @cached_property
    def evaluators(self) -> dict[str, Evaluator]:
        """By id; none where the run has none."""
        return {each.id: each for each in rows_of_file(self.reader, EVALUATORS)}

    @cached_property
    def people(self) -> dict[str, Evaluator]:
        """Evaluators of whom it was recorded who they are, and who are people or stand for such; by id."""
        return {name: one for name, one in self.evaluators.items() if counts_as_person(one) and is_identified(one)}

    @cached_property
    def feedback(self) -> list[Feedback]:
        """What was said, of all splits; none where the run does not keep it."""
        return [each for split in SPLITS for each in rows_of_file(self.reader, feedback_of(split))]

    @cached_property
    def answers_of(self) -> Counter[str]:
        """How many judgements each evaluator gave, by id."""
        return Counter(each.evaluator for each in self.feedback)

    @cached_property
    def prompts(self) -> list[Prompt]:
        """All prompts of the run."""
        return [row.prompt for row in rows_of_file(self.reader, PROMPTS)]

    @cached_property
    def completions(self) -> Sequence[Completion]:
        """All completions of the run."""
        return rows_of_file(self.reader, COMPLETIONS)

    @cached_property
    def population(self) -> dict[str, dict[str, float]] | None:
        """The shares of the population that the answers are to stand for; None where none was named."""
        return self.reader.value(POPULATION).shares if self.reader.has(POPULATION) else None

    @cached_property
    def quality(self) -> Quality | None:
        """What the feedback room measures of the answers that the run keeps; None where it keeps none."""
        if not self.feedback or not self.evaluators:
            return None
        of_known = (each for each in self.feedback if each.evaluator in self.evaluators)
        known = [*self.prompts, *self.completions, *self.evaluators.values(), *of_known]
        return measure_quality(known, models=())

    # -- the audit -------------------------------------------------------------------------------------------

    @cached_property
    def findings(self) -> tuple[Finding, ...] | None:
        """The findings of the audit; None where the run was not audited."""
        return findings_of(self.reader)

    @cached_property
    def audit_evidence(self) -> tuple[DisclosureEvidence, ...]:
        """The file of the findings."""
        return (self.evidence(FINDINGS),) if self.findings is not None else ()


def secret_texts(records: Records) -> Iterator[str]:
    """The texts of the ledger, as far as the run has them: what was asked, written, said of it, and noted of people."""
    for prompt in records.prompts:
        yield from (message.content for message in prompt.messages)
    yield from (each.text for each in records.completions)
    for said in records.feedback:
        yield from texts_of_feedback(said)
    for one in records.evaluators.values():
        yield from (text for text in (one.recruitment, one.payment, one.training) if text)
