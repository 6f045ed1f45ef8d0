"""The audit by challenge: what the primary check of each says, and what else of it fires."""

from collections.abc import Sequence
from typing import NamedTuple

from accord.artefacts import Finding, Verdict

__all__ = ["ChallengeRow", "challenge_rows", "judged_by"]


class ChallengeRow(NamedTuple):
    """A challenge: the verdict of its primary check in words and as a class, and the names of further checks that fire.

    Where the audit holds no primary check of it, as when an older one is read, the gravest verdict stands in its place.
    """

    id: str
    title: str
    words: str
    kind: str
    further: tuple[str, ...]


def challenge_rows(findings: Sequence[Finding]) -> list[ChallengeRow]:
    """A row for each challenge, in the order of the findings."""
    by_challenge: dict[str, list[Finding]] = {}
    for finding in findings:
        by_challenge.setdefault(finding.challenge, []).append(finding)
    return [_row(of_challenge) for of_challenge in by_challenge.values()]


def _row(findings: Sequence[Finding]) -> ChallengeRow:
    judged = judged_by(findings)
    others = [one.check for one in findings if one is not judged and one.verdict is Verdict.FIRES]
    kind = judged.verdict.value.lower().replace("_", "-")
    return ChallengeRow(judged.challenge, judged.title, judged.words, kind, tuple(others))


def judged_by(findings: Sequence[Finding]) -> Finding:
    """Of the findings of one challenge that of its primary check; the gravest where there is none."""
    primary = next((finding for finding in findings if finding.primary), None)
    return primary or min(findings, key=lambda finding: _GRAVEST.index(finding.verdict))


_GRAVEST = (Verdict.FIRES, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE, Verdict.QUIET)
