"""What the audit found: what is wrong, what nothing was found against, and what nobody can say, as plain questions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accord.artefacts import Finding, RunReader, Verdict
from accord.report.challenges import judged_by
from accord.report.first_screen.plain_needs import plainly
from accord.report.first_screen.topics import TOPICS
from accord.report.optional import findings_of
from accord.report.words import count, rank, series

__all__ = ["Answer", "Claims", "anchor", "claims"]


@dataclass(frozen=True)
class Answer:
    """A question, and what a finding says to it: what was found, or what it would take; and the finding's anchor."""

    challenge: str
    question: str
    words: str
    anchor: str


@dataclass(frozen=True)
class Claims:
    """The audit in one line, and its questions by what became of them."""

    headline: str
    wrong: tuple[Answer, ...] = ()
    unknown: tuple[Answer, ...] = ()
    nothing_found: tuple[Answer, ...] = ()


def claims(reader: RunReader) -> Claims:
    """What the findings come to, a line a challenge; that nobody looked, where there are none.

    Something is wrong where any check of a challenge fires. Else its primary check decides whether nothing was found
    or nothing can be said; where the audit holds none, as when an older one is read, whichever of its checks says most
    against it.
    """
    findings = findings_of(reader)
    if findings is None:
        return Claims("Nobody has put what is claimed of this run to the test.")
    if not findings:
        return Claims("The audit of this run holds no tests.")
    wrong: list[tuple[tuple[int, bool, bool], Answer]] = []
    unknown: list[Answer] = []
    nothing: list[Answer] = []
    for of_challenge in _by_challenge(findings):
        fired = sorted((one for one in of_challenge if one.verdict is Verdict.FIRES), key=rank)
        judged = judged_by(of_challenge)
        if fired:
            wrong.append((rank(fired[0]), _answer(fired[0], _refuted(fired))))
        elif judged.verdict is Verdict.QUIET:
            nothing.append(_answer(judged, judged.claim))
        else:
            unknown.append(_answer(judged, _lacking(judged)))
    in_order = tuple(answer for _, answer in sorted(wrong, key=lambda each: each[0]))
    return Claims(_headline(len(wrong), len(unknown), len(nothing)), in_order, tuple(unknown), tuple(nothing))


def anchor(finding: Finding) -> str:
    """The id of a finding's part of the page: letters, digits and hyphens, whatever the check is called."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in finding.id.lower())
    return f"finding-{letters.strip('-')}"


def _by_challenge(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.challenge, []).append(finding)
    yield from groups.values()


def _answer(finding: Finding, words: str) -> Answer:
    return Answer(finding.challenge, TOPICS.get(finding.challenge, finding.claim), words, anchor(finding))


def _refuted(fired: Sequence[Finding]) -> str:
    """The claim that does not hold, and of how many others of the challenge that is true."""
    others = f" {count(len(fired) - 1, 'further test')} of this found something too." if len(fired) > 1 else ""
    return f"This does not hold: “{fired[0].claim}”{others}"


def _lacking(finding: Finding) -> str:
    needs = plainly(finding.needs)
    if finding.verdict is Verdict.INCONCLUSIVE:
        return f"Too little was measured to tell; it would take {needs}."
    return f"Not tested, for lack of: {needs}."


def _headline(wrong: int, unknown: int, nothing: int) -> str:
    """How many questions there were, and what became of them."""
    asked = count(wrong + unknown + nothing, "question was", "questions were")
    parts = [f"{wrong or 'none'} found something wrong"]
    parts += [f"{nothing} found nothing wrong"] if nothing else []
    parts += [f"{unknown} could not be answered"] if unknown else []
    return f"{asked} asked about this training: {series(parts)}."
