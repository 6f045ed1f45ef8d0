"""What rewards that are stated, and their combination, leave in a run."""

from typing import Any

from pydantic import Field

from accord.artefacts.kinds import JsonLines, JsonObject, Row

__all__ = ["NORMALISATION", "REFERENCES", "Normalisation", "PartMoments", "ReferenceRow"]


class ReferenceRow(Row):
    """What completions of a prompt are held against."""

    prompt: str | None = Field(description="the id of the prompt, or its text; null: every other prompt")
    reference: Any = Field(description="a stated answer, tests, a schema or texts, as the reward's kind reads it")


class PartMoments(Row):
    """A reward that is a part of another, on the completions of the train split."""

    mean: float
    std: float = Field(description="standard deviation with n - 1; 0 for fewer than two completions")
    n: int = Field(description="completions")


class Normalisation(Row):
    """The rewards that are combined, by name, before the policy learns; later completions do not move these numbers."""

    parts: dict[str, PartMoments]


REFERENCES: JsonLines[ReferenceRow] = JsonLines(
    "references.jsonl", "what a stated reward holds completions against, by prompt", row=ReferenceRow
)
NORMALISATION: JsonObject[Normalisation] = JsonObject(
    "normalisation.json", "means and standard deviations of the rewards that are combined", "combine", Normalisation
)
