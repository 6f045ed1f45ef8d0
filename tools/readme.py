"""`make readme`: the parts of README.md that come from a run, written anew from one run: numbers, time, texts, picture.

A part stands between `<!-- run: NAME -->` and `<!-- run: end -->`. What people wrote around them stays.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from accord.artefacts import FINDINGS, REPORT, Finding, RunReader, Verdict
from accord.report.samples import twins
from accord.report.table import Row, rows_of
from accord.report.words import clean, duration
from accord.run import RunDirectory

__all__ = ["PARTS", "ROWS", "main", "parts_of", "rewritten"]

PARTS = ("numbers", "time", "texts")
"""The parts by name, in the order in which they stand."""

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("reward model: accuracy on held-out pairs without ties", ("reward.accuracy",)),
    ("independent judge: the same", ("eval_reward.accuracy",)),
    ("baselines: the same answer always / length alone", ("reward.majority", "reward.length_only")),
    ("baseline that reads the words (TF-IDF, logistic regression)", ("reward.words_only",)),
    ("reward model above that baseline, on the same pairs", ("reward.over_words",)),
    ("another evaluator orders the two texts as the first did (a tie is half)", ("agreement",)),
    ("all other evaluators together do", ("consensus",)),
    ("calibration error, reward model / judge", ("reward.ece", "eval_reward.ece")),
    ("win rate over the start, by the independent judge", ("evaluation.win_rate",)),
    ("win rate over the start, by its own reward model", ("evaluation.win_rate_reward",)),
    ("KL to the start, nats a text", ("evaluation.kl",)),
    ("texts that end themselves, start / policy", ("evaluation.start.stop_rate", "evaluation.policy.stop_rate")),
    ("distinct-2, start / policy", ("evaluation.start.distinct_2", "evaluation.policy.distinct_2")),
    ("entropy, nats a token, start / policy", ("evaluation.start.entropy", "evaluation.policy.entropy")),
)
"""Rows of the table: what they are called, and the keys of the numbers in them."""

TEXTS = 3
_PART = r"<!-- run: {} -->\n(?P<body>.*?)<!-- run: end -->"


def parts_of(run: RunDirectory) -> dict[str, str]:
    """Each part as Markdown. Raises `ValueError` for a run that was not evaluated."""
    reader = RunReader.of(run)
    rows = {row.key: row for row in rows_of(reader)}
    if "evaluation.kl" not in rows:
        raise ValueError(f"{run.path}: this run was not evaluated; do its stage 'evaluate' first")
    return {
        "numbers": "\n".join(_numbers(rows, reader)) + "\n",
        "time": f"It took {duration(sum(reader.seconds.values()))}.\n",
        "texts": "\n".join(_texts(reader)) + "\n",
    }


def rewritten(text: str, parts: Mapping[str, str]) -> str:
    """The text with each part in its place. Raises `ValueError` where a part has no place, or two."""
    for name, body in parts.items():
        part = re.compile(_PART.format(re.escape(name)), re.DOTALL)
        places = list(part.finditer(text))
        if len(places) != 1:
            raise ValueError(
                f"`<!-- run: {name} -->` ... `<!-- run: end -->` has to stand there once, not {len(places)} times"
            )
        text = text[: places[0].start("body")] + body + text[places[0].end("body") :]
    return text


def _numbers(rows: Mapping[str, Row], reader: RunReader) -> Iterator[str]:
    yield "| | value [95 % interval] | n (clusters) |"
    yield "|---|---|---|"
    for name, keys in ROWS:
        known = [rows[key] for key in keys if key in rows and rows[key].estimate is not None]
        if len(known) == len(keys):
            numbers = " / ".join(dict.fromkeys(row.n for row in known))
            yield f"| {name} | {' / '.join(row.text for row in known)} | {numbers} |"
    if reader.has(FINDINGS):
        yield f"| audit, by {len(reader.findings)} checks | {_tally(reader.findings)} | |"


def _tally(findings: Sequence[Finding]) -> str:
    """`1 fired (OV1 careless), 1 inconclusive, 5 not assessable, 21 quiet or not detected`."""
    fired = [finding.id for finding in findings if finding.verdict is Verdict.FIRES]
    parts = [f"{len(fired)} fired" + (f" ({', '.join(map(_cell, fired))})" if fired else "")]
    for verdict, words in (
        (Verdict.INCONCLUSIVE, "inconclusive"),
        (Verdict.NOT_ASSESSABLE, "not assessable"),
        (Verdict.QUIET, "quiet or not detected"),
    ):
        parts.append(f"{sum(finding.verdict is verdict for finding in findings)} {words}")
    return ", ".join(parts)


def _texts(reader: RunReader) -> Iterator[str]:
    """The first samples of the first held-out prompts, by the rule of the report."""
    yield "| prompt | start | policy |"
    yield "|---|---|---|"
    for twin in twins(reader)[:TEXTS]:
        texts = (each.text if each is not None else "" for each in (twin.start, twin.policy))
        yield f"| {_cell(twin.prompt)} | {' | '.join(map(_cell, texts))} |"


def _cell(text: str) -> str:
    """A text in a cell of a table, as it is: on one line, and nothing in it is markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(clean(text).split()))


def _picture(run: RunDirectory, file: Path) -> None:
    """The first screen of the run's report. Raises `ValueError` where there is no browser, or no report."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None or not REPORT.has(run, REPORT.stage):
        lacking = (
            "no Chromium is installed" if browser is None else "the run has no report; `accord report RUN` writes it"
        )
        raise ValueError(f"{file}: {lacking} (--no-picture leaves the picture as it is)")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--blink-settings=preferredColorScheme=1", "--window-size=1280,900", f"--user-data-dir={profile}",
                f"--screenshot={file.resolve()}", run.verified(REPORT.path(REPORT.stage)).resolve().as_uri(),
            ],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the parts; 2 where they cannot be."""
    parser = argparse.ArgumentParser(prog="python -m tools.readme", description=__doc__)
    parser.add_argument("run", type=Path, help="the run that they come from")
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="the file to rewrite")
    parser.add_argument("--picture", type=Path, default=Path("docs/report.png"), help="where the first screen goes")
    parser.add_argument("--no-picture", action="store_true", help="leave the picture as it is")
    settings = parser.parse_args(arguments)
    try:
        with RunDirectory.open(settings.run, write=False) as run:
            text = rewritten(settings.readme.read_text(encoding="utf-8"), parts_of(run))
            if not settings.no_picture:
                _picture(run, settings.picture)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    settings.readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
