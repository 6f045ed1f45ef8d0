"""What a check is: the claim it puts to the test, and the function that does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accord.audit.evidence import Evidence, Missing
from accord.audit.finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from accord.audit.settings import AuditSettings

__all__ = ["Check"]


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

    def run(self, evidence: Evidence, settings: "AuditSettings") -> Finding:
        """The finding; where an input is missing, that it cannot be assessed and which input it is."""
        try:
            return self.test(evidence, settings)
        except Missing as missing:
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
