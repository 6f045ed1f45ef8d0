"""What both arms write where the audit looks for more than their score: to challenging prompts."""

from pydantic import Field

from accord.artefacts.kinds import JsonLines, Row

__all__ = ["STEERING_ANSWERS", "SteeringAnswer"]


class SteeringAnswer(Row):
    """An answer to a prompt that the user calls challenging, or to one that is none."""

    arm: str = Field(description="`start` or `policy`")
    prompt: str = Field(description="the id of what was asked, which is a digest of all its messages")
    question: str = Field(description="what the user says in it")
    challenging: bool = Field(description="whether it is one of the challenging prompts")
    index: int = Field(ge=0, description="which of the arm's answers to the prompt")
    answer: str | None = Field(description="what was answered; null where the prompt is longer than the model reads")


STEERING_ANSWERS: JsonLines[SteeringAnswer] = JsonLines(
    "steering_answers.jsonl", "what both arms answer to challenging prompts, and to others", "audit", row=SteeringAnswer
)
