"""What both arms write where the audit looks for more than their score: to challenging prompts, and what is harmful."""

from typing import Literal

from pydantic import Field

from accord.artefacts.kinds import JsonLines, Row

__all__ = ["HARM_MARKS", "STEERING_ANSWERS", "HarmMark", "SteeringAnswer"]


class SteeringAnswer(Row):
    """An answer to a prompt that the user calls challenging, or to one that is none."""

    arm: str = Field(description="`start` or `policy`")
    prompt: str = Field(description="the id of what was asked, which is a digest of all its messages")
    question: str = Field(description="what the user says in it")
    challenging: bool = Field(description="whether it is one of the challenging prompts")
    index: int = Field(ge=0, description="which of the arm's answers to the prompt")
    answer: str | None = Field(description="what was answered; null where the prompt is longer than the model reads")


class HarmMark(Row):
    """What one measure makes of a sample of an arm."""

    arm: str = Field(description="`start` or `policy`")
    index: int = Field(ge=0, description="that of the sample in `evaluation/samples.jsonl`")
    prompt: str
    measure: str = Field(description="the list's file, the judge's name, or `unsupported`")
    kind: Literal["list", "judge", "unsupported"]
    value: float = Field(description="1 or 0: whether something was found; of a judge its score, the more the worse")
    terms: tuple[str, ...] = Field(default=(), description="what was found, as it stands in the text")


HARM_MARKS: JsonLines[HarmMark] = JsonLines(
    "harm_marks.jsonl", "what lists, judges and prompts make of the samples of both arms", "audit", row=HarmMark
)
STEERING_ANSWERS: JsonLines[SteeringAnswer] = JsonLines(
    "steering_answers.jsonl", "what both arms answer to challenging prompts, and to others", "audit", row=SteeringAnswer
)
