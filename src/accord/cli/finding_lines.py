"""How the findings of an audit are printed."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accord.artefacts import Finding

__all__ = ["finding_lines"]

COUNTED = {"FIRES": "fire", "QUIET": "quiet", "INCONCLUSIVE": "inconclusive", "NOT_ASSESSABLE": "not assessable"}


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
    counts = ", ".join(f"{len(group)} {COUNTED[verdict]}" for verdict, group in of_verdict.items() if group)
    wanting = lacking or of_verdict[Verdict.INCONCLUSIVE]
    yield f"{len(findings)} checks: {counts}" + ("; `--plan FOLDER` writes what to collect." if wanting else ".")
