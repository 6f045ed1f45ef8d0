"""How the findings of an audit are printed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accord.artefacts import Finding

__all__ = ["finding_lines"]

COUNTED = {"FIRES": "fire", "QUIET": "quiet", "INCONCLUSIVE": "inconclusive", "NOT_ASSESSABLE": "not assessable"}
MOST_OFTEN, MANY = 3, 5  # lines on what is lacking, each of so many checks at least


def finding_lines(findings: Sequence["Finding"]) -> Iterator[str]:
    """What fires first, with its remedy; what did not decide, with what it would take; checks by what they lack."""
    from accord.artefacts import Verdict

    of_verdict = {verdict: [each for each in findings if each.verdict is verdict] for verdict in Verdict}
    for verdict in (Verdict.FIRES, Verdict.INCONCLUSIVE, Verdict.QUIET):
        for finding in of_verdict[verdict]:
            because = f" (Explained by {', '.join(finding.explained_by)}.)" if finding.explained_by else ""
            yield f"{finding.words:<26} {finding.id:<22} {finding.result}{because}"
            if verdict is Verdict.FIRES:
                yield f"{'':<26} {'':<22} Remedy: {finding.remedy}"
                yield from (f"{'':<26} {'':<22}   {line}" for line in finding.recipe_lines)
            if verdict is Verdict.INCONCLUSIVE:
                yield f"{'':<26} {'':<22} To decide: {finding.needs}."
    lacking: dict[str, list[str]] = {}
    for finding in of_verdict[Verdict.NOT_ASSESSABLE]:
        lacking.setdefault(finding.needs, []).append(finding.id)
    for needs, ids in lacking.items():
        yield f"{'not assessable':<26} {', '.join(ids)}: missing: {needs}."
    yield from _most_often(of_verdict[Verdict.NOT_ASSESSABLE])
    counts = ", ".join(f"{len(group)} {COUNTED[verdict]}" for verdict, group in of_verdict.items() if group)
    wanting = lacking or of_verdict[Verdict.INCONCLUSIVE]
    yield f"{len(findings)} checks: {counts}" + ("; `--plan FOLDER` writes what to collect." if wanting else ".")


def _most_often(findings: Sequence["Finding"]) -> Iterator[str]:
    """What many checks lack that could not be assessed, and how many do: where to begin."""
    lacking = Counter(need for finding in findings for need in dict.fromkeys(finding.needs.split("; ")))
    for need, count in lacking.most_common(MOST_OFTEN):
        if count >= MANY:
            yield f"{count} of the {len(findings)} that could not be assessed lack {need}."
