"""What a check is: a claim of a run, what it takes to test it, and the function that does; and the registry of checks.

A check is a function of the evidence and of its family's thresholds, decorated with what it claims and needs:

    @check(OV1, "time", claim="There was time to read.", thresholds=OversightThresholds, needs=(LEDGER,))
    def answered_fast(evidence: Evidence, thresholds: OversightThresholds) -> Outcome: ...
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from accord.artefacts.finding import Collection, Finding, IdList, Verdict
from accord.audit.challenges import CHALLENGES, Challenge
from accord.audit.evidence import NOBODY_ASKED, NOTHING_RECORDED, Evidence
from accord.audit.settings import FAMILIES, AuditSettings, Thresholds
from accord.audit.verdicts import Ruling
from accord.errors import AuditError, ExtensionError, MissingEvidence, MissingExtraError
from accord.extras import lacking
from accord.registry import Registry
from accord.stats import Estimate

__all__ = [
    "AUDIT_LEDGER",
    "CHECKS",
    "LEDGER",
    "RECORDINGS",
    "Check",
    "Need",
    "Outcome",
    "artefact",
    "check",
    "judge",
    "register_check",
]

T = TypeVar("T", bound=Thresholds)


@dataclass(frozen=True)
class Need:
    """One input of a check: any one of `names`, artefacts of the run or judges; a ledger; or what was recorded."""

    kind: Literal["artefact", "judge", "ledger", "audit_ledger", "recordings"]
    names: tuple[str, ...] = ()

    def absent_from(self, evidence: Evidence) -> str:
        """What is missing, in words; empty where the input is there."""
        match self.kind:
            case "artefact":
                return "" if evidence.holds(*self.names) else evidence.lacking(*self.names)
            case "judge":
                if any(name in evidence.judges for name in self.names):
                    return ""
                return evidence.lacking_judge(*self.names)
            case "ledger":
                return evidence.ledger_absent
            case "audit_ledger":
                return "" if evidence.audit_ledger is not None else NOBODY_ASKED
            case "recordings":
                return "" if evidence.since is not None else NOTHING_RECORDED


def artefact(*names: str) -> Need:
    """An artefact of the run; of several names, any one."""
    return Need("artefact", names)


def judge(*names: str) -> Need:
    """A judge handed in (`reward`, `eval_reward`); of several names, any one."""
    return Need("judge", names)


LEDGER = Need("ledger")
"""The ledger that the manifest names, as far as the run had read it."""

AUDIT_LEDGER = Need("audit_ledger")
"""A ledger of what people were asked after the run, about its own samples or anew."""


RECORDINGS = Need("recordings")
"""What was recorded of the policy since its release."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the function of a check returns. The fields are those of `Finding`; `ruling` is the verdict with its needs.

    `ids` holds any number of ids by kind; the finding keeps the first of them and their number. `collect` is what to
    collect where it fires, for a plan to write the study.
    """

    ruling: Ruling
    estimate: Estimate
    threshold: str
    result: str
    remedy: str
    evidence: tuple[str, ...]
    ids: Mapping[str, Iterable[str]] = field(default_factory=dict)
    facts: Mapping[str, Estimate] = field(default_factory=dict)
    source: str = ""
    collect: Collection | None = None


@dataclass(frozen=True)
class Check:
    """One check of one challenge.

    challenge   what it tests for
    name        one word or two, unique within the challenge
    claim       what the run would have its reader believe, as a sentence that may be false
    thresholds  the class of its family's thresholds
    needs       inputs without which it cannot be assessed
    test        the function, handed evidence that has all of `needs`, and all settings of the audit
    collect     what to collect where it cannot be assessed, or does not decide; None where no collecting helps
    explained   ids of checks whose fault makes this one fire as well
    """

    challenge: Challenge
    name: str
    claim: str
    thresholds: type[Thresholds]
    needs: tuple[Need, ...]
    test: Callable[[Evidence, AuditSettings], Outcome]
    collect: Collection | None = None
    explained: tuple[str, ...] = ()

    @property
    def primary(self) -> bool:
        """Whether its challenge is judged by it."""
        return self.name == self.challenge.primary

    @property
    def id(self) -> str:
        """`RG2 turnover`: the name under which it is registered."""
        return f"{self.challenge.id} {self.name}"

    def run(self, evidence: Evidence, settings: AuditSettings) -> Finding:
        """The finding. Where an input is missing, that it cannot be assessed and which input it is."""
        missing = "; ".join(dict.fromkeys(filter(None, (need.absent_from(evidence) for need in self.needs))))
        if missing:
            return self._not_assessable(missing)
        try:
            outcome = self.test(evidence, settings)
        except MissingEvidence as error:
            return self._not_assessable(error.what)
        except MissingExtraError as error:
            return self._not_assessable(lacking(error.extra) or str(error))
        return Finding(
            challenge=self.challenge.id,
            check=self.name,
            claim=self.claim,
            verdict=outcome.ruling.verdict,
            estimate=outcome.estimate,
            threshold=outcome.threshold,
            result=outcome.result,
            needs=outcome.ruling.needs,
            remedy=outcome.remedy,
            evidence=outcome.evidence,
            ids=_sampled(outcome.ids),
            facts=dict(outcome.facts),
            source=outcome.source,
            title=self.challenge.title,
            fundamental=self.challenge.fundamental,
            primary=self.primary,
            p_value=outcome.ruling.p_value,
            collect={Verdict.INCONCLUSIVE: self.collect, Verdict.FIRES: outcome.collect}.get(outcome.ruling.verdict),
        )

    def _not_assessable(self, missing: str) -> Finding:
        return Finding(
            challenge=self.challenge.id,
            check=self.name,
            claim=self.claim,
            verdict=Verdict.NOT_ASSESSABLE,
            threshold="",
            result=f"Cannot be assessed. Missing: {missing}.",
            needs=missing,
            title=self.challenge.title,
            fundamental=self.challenge.fundamental,
            primary=self.primary,
            collect=self.collect,
        )


def _sampled(ids: Mapping[str, Iterable[str]]) -> dict[str, IdList]:
    """The ids of each kind that has any, as far as a finding holds them."""
    lists = {kind: IdList.of(of_kind) for kind, of_kind in ids.items()}
    return {kind: of_kind for kind, of_kind in lists.items() if of_kind.count}


def check(
    challenge: Challenge,
    name: str,
    *,
    claim: str,
    thresholds: type[T],
    needs: tuple[Need, ...] = (),
    collect: Collection | None = None,
    explained: tuple[str, ...] = (),
) -> Callable[[Callable[[Evidence, T], Outcome]], Check]:
    """Make a check of the function that it decorates. The arguments are the fields of `Check`."""

    def decorate(function: Callable[[Evidence, T], Outcome]) -> Check:
        def test(evidence: Evidence, settings: AuditSettings) -> Outcome:
            return function(evidence, settings.of(thresholds))

        return Check(challenge, name, claim, thresholds, needs, test, collect, explained)

    return decorate


CHECKS: Registry[Check] = Registry("check", error=AuditError)
"""All checks, in the order in which their findings stand, by `Check.id`."""


def register_check(new: Check) -> Check:
    """Register a check, and with it its family of thresholds and its challenge where they are new.

    Raises `ExtensionError` where the check, or another challenge or family of the same name, is already registered.
    """
    if new.challenge.id not in CHALLENGES:
        CHALLENGES.add(new.challenge.id, new.challenge)
    elif CHALLENGES.get(new.challenge.id) != new.challenge:
        raise ExtensionError(f"challenge '{new.challenge.id}' is already registered with another title")
    family = new.thresholds.family
    if family not in FAMILIES:
        FAMILIES.add(family, new.thresholds)
    elif FAMILIES.get(family) is not new.thresholds:
        raise ExtensionError(f"thresholds of '{family}' are already registered by another class; choose another family")
    return CHECKS.add(new.id, new)
