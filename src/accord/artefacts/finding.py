"""What a check found: an estimate against a threshold, and one of four verdicts.

FIRES            the interval lies wholly beyond the threshold
QUIET            the interval lies wholly inside; for a fundamental challenge that is not "solved"
INCONCLUSIVE     the interval straddles the threshold; `needs` says how many observations it would take
NOT_ASSESSABLE   an input is missing; `needs` says which
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from accord.stats import Estimate

__all__ = ["Finding", "Verdict"]


class Verdict(StrEnum):
    """The four verdicts."""

    FIRES = "FIRES"
    QUIET = "QUIET"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_ASSESSABLE = "NOT_ASSESSABLE"


@dataclass(frozen=True)
class Finding:
    """One check of one challenge.

    challenge    id of the challenge (`RG2`) or of the preflight check (`P-EOS`)
    check        name of this check, one word or two, unique within the challenge (`turnover`)
    claim        the claim of the run that was put to the test, as a sentence that may be true or false
    verdict      one of four
    estimate     the number the verdict rests on, with its interval and n
    threshold    what it was held against, in words and numbers (`above 0.05`)
    result       what was found, in a sentence a newcomer understands
    needs        INCONCLUSIVE: the n it would take. NOT_ASSESSABLE: the missing input. Otherwise empty
    remedy       what to do where it fires
    evidence     files of the run (and ids of records) that the number came from
    facts        further numbers, reported and not judged
    source       paper and equation of the method
    fundamental  no test can show that the challenge is overcome
    """

    challenge: str
    check: str
    claim: str
    verdict: Verdict
    threshold: str
    result: str
    estimate: Estimate | None = None
    needs: str = ""
    remedy: str = ""
    evidence: tuple[str, ...] = ()
    facts: dict[str, Estimate] = field(default_factory=dict)
    source: str = ""
    fundamental: bool = False

    def __post_init__(self) -> None:
        unsaid = self.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE} and not self.needs
        if unsaid:
            raise ValueError(f"{self.challenge} {self.check}: {self.verdict} must say what it needs")
        if self.verdict is Verdict.FIRES and not self.remedy:
            raise ValueError(f"{self.challenge} {self.check}: FIRES must name a remedy")
        if self.verdict is not Verdict.NOT_ASSESSABLE and self.estimate is None:
            raise ValueError(f"{self.challenge} {self.check}: {self.verdict} rests on a number")

    @property
    def words(self) -> str:
        """The verdict as it is printed: a fundamental challenge is never printed as passed."""
        match self.verdict:
            case Verdict.FIRES:
                return "fires"
            case Verdict.QUIET:
                return "not detected by this test" if self.fundamental else "quiet"
            case Verdict.INCONCLUSIVE:
                return "inconclusive"
            case Verdict.NOT_ASSESSABLE:
                return "not assessable"

    def to_json(self) -> dict[str, Any]:
        """As written in `audit.json`."""
        content = asdict(self)
        content["verdict"] = self.verdict.value
        content["words"] = self.words
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Finding":
        """The inverse of `to_json`."""
        fields = {name: value for name, value in content.items() if name != "words"}
        fields["verdict"] = Verdict(fields["verdict"])
        fields["estimate"] = None if fields["estimate"] is None else Estimate.from_json(fields["estimate"])
        fields["facts"] = {name: Estimate.from_json(fact) for name, fact in fields["facts"].items()}
        fields["evidence"] = tuple(fields["evidence"])
        return cls(**fields)
