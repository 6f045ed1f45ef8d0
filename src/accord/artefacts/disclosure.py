"""The disclosure of a run: what Casper et al. 2023 (arXiv 2307.15217, section 5.2) ask to be made public."""

from datetime import date
from typing import Literal

from pydantic import Field

from accord.artefacts.finding import IdList
from accord.artefacts.kinds import JsonObject, Row, Text, absent
from accord.stats import Estimate

__all__ = [
    "DISCLOSURE",
    "DISCLOSURE_PAGE",
    "DISCLOSURE_TEXT",
    "NOT_DISCLOSED",
    "REDACTION_SALT",
    "STATEMENTS",
    "Disclosure",
    "DisclosureEvidence",
    "DisclosureField",
    "DisclosureItem",
    "DisclosureLine",
    "DisclosureTable",
]

NOT_DISCLOSED = "NOT DISCLOSED"
"""What stands where nobody filled a field."""


class DisclosureEvidence(Row):
    """A file that a field rests on, and the rows of it where they are known one by one."""

    file: str = Field(description="inside the run, or the name of what was read beside it")
    sha256: str | None = absent("as the manifest has it; absent of a folder of files")


class DisclosureLine(Row):
    """A line of a table; `estimate` is the number that one of its cells shows."""

    cells: tuple[str, ...]
    estimate: Estimate | None = absent("with its interval and its n")
    rows: dict[str, IdList] | None = absent("what it rests on, by kind: the first ids of each, and how many there are")


class DisclosureTable(Row):
    """What does not fit into a sentence."""

    head: tuple[str, ...]
    lines: tuple[DisclosureLine, ...]


class DisclosureField(Row):
    """One thing that is to be disclosed."""

    name: str
    label: str = Field(description="what it is, in plain words")
    status: Literal["complete", "missing", "withheld", "not_applicable"] = Field(
        description="`withheld`: it was stated, and this redacted version leaves it out"
    )
    source: Literal["run", "person"] = Field(description="who fills it: the records of the run, or a person")
    value: str = Field(description=f"as it is printed; {NOT_DISCLOSED} where nobody filled it")
    reason: str | None = absent("why it is missing, withheld or not applicable")
    amount: float | None = absent("the number that a person stated")
    unit: str | None = absent("of that number")
    table: DisclosureTable | None = absent()
    evidence: tuple[DisclosureEvidence, ...] = ()
    signed_by: str | None = absent("who stated it")
    signed_on: date | None = absent("when they signed it")


class DisclosureItem(Row):
    """One of the twelve items."""

    number: int = Field(ge=1)
    name: str = Field(description="its place in the list and in disclosure.toml: `human_feedback.pretraining`")
    title: str
    question: str = Field(description="what is asked for")
    filled_by: Literal["records", "records and a person", "a person"]
    status: Literal["complete", "partial", "missing", "not_applicable"]
    reason: str | None = absent("why it is not applicable")
    remarks: tuple[str, ...] = Field(description="why statements were not counted, and what is odd about them")
    fields: tuple[DisclosureField, ...]


class Disclosure(Row):
    """The twelve items of a run, and how many of them are complete."""

    run: str = Field(description="its name")
    redacted: bool
    complete: int = Field(ge=0, description="items whose every field is disclosed, or not applicable with a reason")
    items_by_status: dict[str, int]
    complete_unredacted: int = Field(ge=0, description="the same count before anything was withheld")
    definition: str = Field(description="when an item counts as complete")
    items: tuple[DisclosureItem, ...]


DISCLOSURE: JsonObject[Disclosure] = JsonObject(
    "disclosure.json",
    "what is made public about the run, in twelve items (Casper et al. 2023, section 5.2); redacted in `redacted/`",
    "disclosure",
    content=Disclosure,
)
DISCLOSURE_TEXT = Text("disclosure.md", "the same as Markdown", "disclosure")
DISCLOSURE_PAGE = Text("disclosure.html", "the same as one self-contained page", "disclosure")
STATEMENTS = Text("disclosure.toml", "what people state for the disclosure, as they signed it", "disclosure")
REDACTION_SALT = Text(
    "redaction_salt.txt",
    "what pseudonyms are hashed with in redacted disclosures, drawn once; keep it to yourself",
    "disclosure",
)
