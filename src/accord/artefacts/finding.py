"""What a check concluded: an estimate against a threshold, one of four verdicts, and the rows and people behind it.

FIRES            the interval lies wholly beyond the threshold
QUIET            the interval lies wholly inside; for a fundamental challenge that is not "solved"
INCONCLUSIVE     the interval straddles the threshold; `needs` says how many observations it would take
NOT_ASSESSABLE   an input is missing; `needs` says which
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any, Self

from accord.stats import Estimate

__all__ = ["Collection", "Finding", "IdList", "Verdict"]


class Verdict(StrEnum):
    """The four verdicts."""

    FIRES = "FIRES"
    QUIET = "QUIET"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_ASSESSABLE = "NOT_ASSESSABLE"


@dataclass(frozen=True)
class IdList:
    """Ids that a finding rests on: the first `IdList.MOST` of them, and how many there are."""

    ids: tuple[str, ...]
    count: int

    MOST = 50

    @classmethod
    def of(cls, ids: Iterable[str]) -> Self:
        """The ids in the order given, each once."""
        distinct = tuple(dict.fromkeys(ids))
        return cls(distinct[: cls.MOST], len(distinct))


@dataclass(frozen=True)
class Collection:
    """What to collect so that a check can be assessed, or decide.

    field   where it would stand: a field of a record (`Feedback.gold`) or a file of the run
    what    what it is, in words
    amount  how much of it, in words with numbers
    study   the study that would collect it (a name in `audit/plan/`); empty where no study of people can
    """

    field: str
    what: str
    amount: str
    study: str = ""


@dataclass(frozen=True)
class Finding:
    """One check of one challenge.

    challenge    id of the challenge (`RG2`, `P-EOS`)
    check        name of this check, one word or two, unique within the challenge (`turnover`)
    claim        the claim of the run that was put to the test, as a sentence that may be true or false
    verdict      one of four
    estimate     the number the verdict rests on, with its interval and n
    threshold    what it was held against, in words and numbers (`above 0.05`)
    result       the number in a sentence that a newcomer understands
    needs        INCONCLUSIVE: the n it would take. NOT_ASSESSABLE: the missing input. Otherwise empty
    remedy       what to do where it fires
    recipe_lines what of that is a change of the run's own recipe, in lines of TOML
    evidence     files of the run that the number came from
    ids          what speaks against the claim, by kind (`feedback`, `evaluators`, `prompts`, `completions`), as far as
                 the check can name it
    facts        further numbers, reported and not judged
    source       paper and equation of the method
    title        of the challenge
    fundamental  no test can show that the challenge is overcome
    primary      whether it is the check by which the challenge is judged
    p_value      the probability of a number so far beyond its threshold if the truth lay on it; unset: there is none
    adjusted_p   the same for all that was tested with it: Holm over the primary checks of a report, Benjamini-Hochberg
                 over the other checks of a challenge
    explained_by the firing checks that would make this one fire by themselves
    collect      what to collect where it could not be assessed or decided
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
    ids: dict[str, IdList] = field(default_factory=dict)
    facts: dict[str, Estimate] = field(default_factory=dict)
    source: str = ""
    title: str = ""
    fundamental: bool = False
    primary: bool = False
    p_value: float | None = None
    adjusted_p: float | None = None
    explained_by: tuple[str, ...] = ()
    collect: Collection | None = None
    recipe_lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = self.id
        if self.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE} and not self.needs:
            raise ValueError(f"{name}: {self.verdict} must say what it needs")
        if self.verdict is Verdict.FIRES and not self.remedy:
            raise ValueError(f"{name}: FIRES must name a remedy")
        if self.verdict is not Verdict.NOT_ASSESSABLE and self.estimate is None:
            raise ValueError(f"{name}: {self.verdict} rests on a number")
        numbers = ({"its estimate": self.estimate} if self.estimate else {}) | self.facts
        for what, number in numbers.items():
            if not all(isfinite(each) for each in (number.value, number.low, number.high) if each is not None):
                raise ValueError(f"{name}: {what} is {number}, which is no number")

    @property
    def id(self) -> str:
        """`RG2 turnover`: of the check."""
        return f"{self.challenge} {self.check}"

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
        """The inverse of `to_json`; findings of runs made before some of the fields were written are read as well."""
        fields = {name: value for name, value in content.items() if name != "words"}
        fields["verdict"] = Verdict(fields["verdict"])
        fields["estimate"] = None if fields["estimate"] is None else Estimate.from_json(fields["estimate"])
        fields["facts"] = {name: Estimate.from_json(fact) for name, fact in fields["facts"].items()}
        fields["evidence"] = tuple(fields["evidence"])
        fields["ids"] = {
            kind: IdList(tuple(each["ids"]), each["count"]) for kind, each in fields.get("ids", {}).items()
        }
        for name in ("explained_by", "recipe_lines"):
            fields[name] = tuple(fields.get(name, ()))
        fields["collect"] = Collection(**fields["collect"]) if fields.get("collect") else None
        return cls(**fields)
