"""JSON schema as a reward: 1 where a completion is JSON of the stated form, else 0."""

from typing import Any, ClassVar, Literal

from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward
from accord.verdicts.json_schema import JsonSchema

__all__ = ["JsonSchemaReward"]


class JsonSchemaReward(ReferencedReward):
    """Settings of a reward for JSON that a schema allows."""

    objective: ClassVar[str] = "1 where the text is JSON that the schema allows, else 0"

    keys: ClassVar[tuple[str, ...]] = ("schema",)

    kind: Literal["json_schema"] = "json_schema"

    def grader(self) -> Grader:
        """1 where a text is JSON (or has it in its only fenced block) that the reference's `schema` allows; else 0."""
        marker = JsonSchema()

        def grade(text: str, reference: Any) -> Outcome:
            return Outcome(marker.mark(text, reference).score)

        return grade
