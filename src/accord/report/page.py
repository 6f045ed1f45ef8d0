"""The page of a run, `report.html`: one file without script or outside resource, its links leading into the run."""

import re
from collections.abc import Sequence
from itertools import groupby
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from accord.artefacts import REPORT, RunReader
from accord.artefacts.finding import Finding
from accord.report import sections
from accord.report.cards import judge_cards
from accord.report.challenges import challenge_rows
from accord.report.environment import environment
from accord.report.error_rates import errors_of
from accord.report.finding_rows import RowsReader
from accord.report.optional import findings_of, summary_of
from accord.report.provenance import provenance
from accord.report.samples import FILE as SAMPLES
from accord.report.samples import SHOWN, twins
from accord.report.table import rows_of
from accord.report.verdict import headline, verdict
from accord.report.words import clean, rank
from accord.run import MANIFEST, RunDirectory, check_whole

if TYPE_CHECKING:
    from jinja2 import Environment

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
    rows, summary, findings = rows_of(reader), summary_of(reader), findings_of(reader)
    template = _environment(run, prefix).get_template("report.html.j2")
    return template.render(
        run=run.manifest.name,
        headline=headline(reader),
        verdict=verdict(reader),
        about=None if summary is None else summary.about,
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
        rows_of=RowsReader(reader),
        errors_of=errors_of,
        challenges=challenge_rows(findings or ()),
        provenance=provenance(reader),
    )


def _grouped(findings: Sequence[Finding]) -> list[tuple[str, str, list[Finding]]]:
    """Heading, class and findings of each verdict that occurs, in the words of the verdict; what fires comes first."""
    groups: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: (rank(finding), finding.words)):
        groups.setdefault(finding.words, []).append(finding)
    return [
        (words.capitalize(), members[0].verdict.value.lower().replace("_", "-"), members)
        for words, members in groups.items()
    ]


def _environment(run: RunDirectory, prefix: str) -> "Environment":
    from markupsafe import Markup

    def source(name: str, words: str = "") -> Markup:
        """A link to a file of the run, or the bare name where the run has no such file."""
        head, tail = _split(name)
        target = _from_page(run, head, prefix)
        if target is None:
            return Markup("<bdi>{}</bdi>").format(clean(words or name))
        link = Markup('<a href="{}"><bdi>{}</bdi></a>').format(quote(target), clean(words or head))
        return link if words else link + Markup("<bdi>{}</bdi>").format(clean(tail))

    return environment(source)


def _from_page(run: RunDirectory, name: str, prefix: str) -> str | None:
    """The path of a file, as it is called below the prefix or in the whole run, from where the page lies."""
    if prefix and f"{prefix}/{name}" in run.manifest.files:
        return name
    return relpath(name, prefix or ".") if name in {*run.manifest.files, MANIFEST} else None


def _split(evidence: str) -> tuple[str, str]:
    """A file, and what stands behind it (an id, a line)."""
    match = re.match(r"([^\s#]+)(.*)", evidence, flags=re.DOTALL)
    return (match[1].rstrip(":,"), match[2]) if match else (evidence, "")
