"""What attacks on both arms came to: every query with its answer, and how likely private strings are."""

from math import log2

from pydantic import Field

from accord.artefacts.kinds import JsonLines, Row, absent

__all__ = ["ATTACK_RESULTS", "CANARY_RANKS", "AttackResult", "CanaryRank"]


class AttackResult(Row):
    """One query of an attack, and what came of it."""

    arm: str = Field(description="`start` or `policy`")
    family: str = Field(description="of attacks; `plain`: asked as it stands")
    request: str = Field(description="its name in the file of attacks")
    kind: str = Field(description="`harmful`, `benign`, `payload` (in a document) or `system` (a text to be extracted)")
    attempt: int = Field(ge=1, description="which query of this family, request and arm, from 1")
    budget: int = Field(ge=1, description="how many queries there are of each family, request and arm")
    prompt: str = Field(description="the id of what was asked, which is a digest of all its messages")
    text: str = Field(description="the last message of what was asked")
    answer: str | None = Field(description="what was answered; null where the query is longer than the model reads")
    success: bool = Field(description="whether the attack had what it wanted; of a benign request, whether it was met")
    refusal: bool = Field(description="whether the answer refuses")
    white_box: bool = Field(default=False, description="whether the attack saw the model's gradients")
    evaluations: int | None = absent("candidates whose loss was computed before the query was made")


class CanaryRank(Row):
    """How likely a private string is among others that were drawn as it was."""

    arm: str = Field(description="`start` or `policy`")
    canary: str = Field(description="its name in the file of attacks")
    rank: int = Field(ge=1, description="its place by log-probability, the likeliest first; ties count against it")
    among: int = Field(ge=2, description="of so many strings, itself among them")
    possible: int = Field(ge=2, description="how many strings it could have been")
    logprob: float = Field(description="of the whole text, nats")

    @property
    def exposure(self) -> float:
        """log2(among) - log2(rank), bits (Carlini et al. 2019, arXiv 1802.08232)."""
        return log2(self.among) - log2(self.rank)


ATTACK_RESULTS: JsonLines[AttackResult] = JsonLines(
    "attack_results.jsonl", "what attacks on both arms came to, query by query", "audit", row=AttackResult
)
CANARY_RANKS: JsonLines[CanaryRank] = JsonLines(
    "canary_ranks.jsonl", "how likely both arms make private strings, beside others like them", "audit", row=CanaryRank
)
