"""How a reward that compares texts with references judges changes of which it is known whether they say the same."""

from pydantic import Field

from accord.artefacts.kinds import JsonLines, Row

__all__ = ["COMPARED_TEXTS", "ComparedText"]


class ComparedText(Row):
    """A reference with one change, as the reward compares it with the reference."""

    prompt: str = Field(description="the id of the prompt whose reference it is")
    kind: str = Field(
        description="of change: `number`, `negation`, `name`, `antonym`, `unit`, `order`, `punctuation`, ..."
    )
    reference: str
    text: str = Field(description="the reference with the change")
    same: bool = Field(description="whether it still says the same")
    taken_for_same: float = Field(ge=0, le=1, description="the probability that the reward gives to that")


COMPARED_TEXTS: JsonLines[ComparedText] = JsonLines(
    "compared_texts.jsonl",
    "references with a change, as a reward that compares texts judges them",
    "audit",
    row=ComparedText,
)
