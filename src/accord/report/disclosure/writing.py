"""The disclosure of a run, written into it."""

import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from accord.artefacts import (
    DISCLOSURE,
    DISCLOSURE_PAGE,
    DISCLOSURE_TEXT,
    REDACTION_SALT,
    STATEMENTS,
    Disclosure,
    RunReader,
)
from accord.errors import StatementError, storage
from accord.report.disclosure.assembly import compile_disclosure, redacted_disclosure
from accord.report.disclosure.markdown import render_markdown
from accord.report.disclosure.page import render_page
from accord.report.disclosure.registry import questions_by_item
from accord.report.disclosure.statements import Statements, parse_statements
from accord.run import RunDirectory, check_whole
from accord.run.files import within

__all__ = ["REDACTED", "WrittenDisclosure", "disclose", "read_statements"]

REDACTED = "redacted"
"""The folder of the redacted version, which may leave the house."""
OWN = (DISCLOSURE.stage, REDACTED)


@dataclass(frozen=True)
class WrittenDisclosure:
    """A disclosure and the files that it was written into."""

    disclosure: Disclosure
    files: tuple[Path, ...]


def disclose(run: RunDirectory, *, statements: Path | None = None, redact: bool = False) -> WrittenDisclosure:
    """Write `disclosure.json`, `.md` and `.html`, or, redacted, the same in `redacted/`.

    `statements` is the file of what people state, and is kept in the run as `disclosure.toml`; unset: the one that lies
    there, or none. The same run and statements give the same bytes. Raises `StatementError` where the statements cannot
    be read, `ArtefactError` where a file of the run was altered.
    """
    content, stated = _read(run, statements)
    check_whole(run, but=OWN)
    if content is not None:
        run.write_bytes(STATEMENTS.path(), content, stage=STATEMENTS.stage)
    reader = RunReader.of(run)
    if redact:
        disclosure, stage = redacted_disclosure(reader, stated, _salt(run)), REDACTED
    else:
        disclosure, stage = compile_disclosure(reader, stated), DISCLOSURE.stage
    files = (
        DISCLOSURE.write(run, disclosure, stage=stage),
        DISCLOSURE_TEXT.write(run, render_markdown(disclosure), stage=stage),
        DISCLOSURE_PAGE.write(run, render_page(disclosure, run), stage=stage),
    )
    return WrittenDisclosure(disclosure, files)


def read_statements(run: RunDirectory, path: Path | None = None) -> Statements:
    """What people state: in the file, or else in the one that lies in the run; nothing where there is none."""
    return _read(run, path)[1]


def _read(run: RunDirectory, path: Path | None) -> tuple[bytes | None, Statements]:
    name = STATEMENTS.path()
    file = within(run.path, name) if path is None else path
    with storage(file):
        if path is None and not file.exists():
            if name in run.manifest.files:
                raise StatementError(
                    f"{file}: it was part of the last disclosure, and is gone; put it back, or give --statements FILE"
                )
            return None, Statements()
        content = file.read_bytes()
    return content, replace(parse_statements(content, str(file), questions_by_item()), file=name)


def _salt(run: RunDirectory) -> str:
    """What pseudonyms are hashed with: drawn once for a run, so that a redacted version can be made again."""
    if not REDACTION_SALT.has(run):
        os.chmod(REDACTION_SALT.write(run, secrets.token_hex(32) + "\n"), 0o600)
    return REDACTION_SALT.read(run).strip()
