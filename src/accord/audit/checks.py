"""What a check is: the claim it puts to the test, and the function that does; and how an interval becomes a verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accord.artefacts.finding import Finding, Verdict
from accord.audit.evidence import Evidence
from accord.audit.settings import AuditSettings
from accord.errors import MissingEvidence
from accord.stats import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["Check", "near_zero", "needed"]


@dataclass(frozen=True)
class Check:
    """One check of one challenge. `test` is handed the evidence and all settings of the audit.

    challenge    id (`RG2`, `P-EOS`)
    name         one word or two, unique within the challenge
    title        the challenge in a few words
    claim        what the run would have its reader believe, as a sentence that may be false
    fundamental  no test can show that the challenge is overcome
    """

    challenge: str
    name: str
    title: str
    claim: str
    test: "Callable[[Evidence, AuditSettings], Finding]"
    fundamental: bool = False

    def run(self, evidence: Evidence, settings: AuditSettings) -> Finding:
        """The finding; where an input is missing, that it cannot be assessed and which input it is."""
        try:
            return self.test(evidence, settings)
        except MissingEvidence as missing:
            return Finding(
                challenge=self.challenge,
                check=self.name,
                claim=self.claim,
                verdict=Verdict.NOT_ASSESSABLE,
                threshold="",
                result=f"Cannot be assessed: {missing.what} is missing.",
                needs=missing.what,
                fundamental=self.fundamental,
            )

    def finding(
        self,
        verdict: Verdict,
        estimate: Estimate,
        *,
        threshold: str,
        result: str,
        remedy: str,
        evidence: tuple[str, ...],
        needs: str = "",
        facts: Mapping[str, Estimate] | None = None,
        source: str = "",
    ) -> Finding:
        """A finding of this check; the fields are those of `Finding`."""
        return Finding(
            challenge=self.challenge,
            check=self.name,
            claim=self.claim,
            verdict=verdict,
            estimate=estimate,
            threshold=threshold,
            result=result,
            needs=needs,
            remedy=remedy,
            evidence=evidence,
            facts=dict(facts or {}),
            source=source,
            fundamental=self.fundamental,
        )


def near_zero(found: Estimate, limit: float) -> tuple[Verdict, str]:
    """The verdict on a number that should lie within `limit` of 0, and what an inconclusive one needs.

    It fires where the interval lies wholly beyond, is quiet where it lies wholly inside.
    """
    if found.low is None or found.high is None:
        return Verdict.INCONCLUSIVE, needed(found, limit)
    if found.low > limit or found.high < -limit:
        return Verdict.FIRES, ""
    if -limit <= found.low and found.high <= limit:
        return Verdict.QUIET, ""
    return Verdict.INCONCLUSIVE, needed(found, limit if found.value >= 0 else -limit)


def needed(found: Estimate, threshold: float) -> str:
    """About how many observations would part the interval from `threshold`: its width falls with their root."""
    if found.low is None or found.high is None:
        return f"observations from more than one independent unit (all {found.n} are from one)"
    width = (found.high - found.low) / 2
    away = max(abs(threshold - found.value), width / 10, 1e-12)
    return f"about {max(found.n + 1, math.ceil(found.n * (width / away) ** 2))} observations instead of {found.n}"
