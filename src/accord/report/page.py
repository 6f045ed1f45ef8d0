"""The page of a run, `report.html`: one file that stands alone, without script, outside resource or link out of it.

It is read where it lies and where it was sent: what a finding rests on is in it, and files of the run are named.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from accord.artefacts import REPORT, RunReader
from accord.artefacts.finding import Finding
from accord.report import sections
from accord.report.cards import judge_cards
from accord.report.challenges import challenge_rows
from accord.report.environment import environment
from accord.report.error_rates import errors_of
from accord.report.finding_rows import RowsReader
from accord.report.first_screen import anchor, changes, claims, facts
from accord.report.glossary import Term, explained
from accord.report.optional import findings_of
from accord.report.provenance import provenance
from accord.report.samples import FILE as SAMPLES
from accord.report.samples import SHOWN, twins
from accord.report.table import rows_of
from accord.report.verdict import verdict
from accord.report.words import clean, rank
from accord.run import RunDirectory, check_whole

__all__ = ["NAME", "render", "write"]

NAME = REPORT.file


def write(run: RunDirectory, *, prefix: str = "") -> Path:
    """Write `report.html` into the run and return its path. The same run gives the same bytes.

    With a `prefix` (`rounds/03`) it tells of the stages below it, and lies there. Every file of the run is held against
    its digest first. Raises `ArtefactError` where one was altered or is not what it should be, or where the run was
    opened for reading only.
    """
    stage = RunReader.of(run, prefix=prefix).stage(REPORT.stage)
    check_whole(run, but=(stage,))
    return REPORT.write(run, render(run, prefix=prefix), stage=stage)


def render(run: RunDirectory, *, prefix: str = "") -> str:
    """The page as text."""
    reader = RunReader.of(run, prefix=prefix)
    rows, findings = rows_of(reader), findings_of(reader)
    templates = environment(_named)
    page = templates.get_template("report.html.j2").render(
        run=run.manifest.name,
        facts=facts(reader),
        changes=changes(reader),
        claims=claims(reader),
        verdict=verdict(reader),
        groups=[(name, list(of_group)) for name, of_group in groupby(rows, key=lambda row: row.group)],
        feedback=sections.feedback(reader),
        judges=sections.judges(reader, rows),
        cards=judge_cards(reader),
        policy=sections.policy(reader),
        twins=twins(reader),
        samples_file=SAMPLES,
        shown=SHOWN,
        audited=findings is not None,
        findings=_grouped(findings or ()),
        rows_of=RowsReader(reader, findings or ()),
        errors_of=errors_of,
        anchor=anchor,
        challenges=challenge_rows(findings or ()),
        provenance=provenance(reader),
    )

    def entries(terms: Sequence[Term]) -> str:
        return templates.get_template("glossary.html.j2").render(terms=terms)

    return explained(page, entries)


def _grouped(findings: Sequence[Finding]) -> list[tuple[str, str, list[Finding]]]:
    """Heading, class and findings of each verdict that occurs, in the words of the verdict; what fires comes first."""
    groups: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: (rank(finding), finding.words)):
        groups.setdefault(finding.words, []).append(finding)
    return [
        (words.capitalize(), members[0].verdict.value.lower().replace("_", "-"), members)
        for words, members in groups.items()
    ]


def _named(name: str, words: str = "") -> Markup:
    """The name of a file of the run. It is no link: beside a page that was sent on there is no such file."""
    return Markup('<bdi class="file">{}</bdi>').format(clean(words or name))
