"""What a run keeps of the newest audit since its release: the policies of recording, the counts, and the findings."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from accord.artefacts import MODEL, SINCE_RELEASE, Finding, RecordedSession, SinceRelease
from accord.audit.challenges import X8
from accord.errors import LedgerError
from accord.feedback.deployment.answers import Counts, ServingSession
from accord.feedback.deployment.recordings import read_recordings
from accord.feedback.store.location import parse_location
from accord.run import RunDirectory

__all__ = ["write_since_release"]


def write_since_release(run: RunDirectory, ledger: Path | str, findings: Sequence[Finding]) -> None:
    """Write `since_release.json`, in the place of an earlier one; nothing where nothing was recorded there."""
    try:
        recordings = read_recordings(ledger)
    except LedgerError:
        return  # each finding of X8 says so
    times = [answer.time.astimezone(UTC).isoformat(timespec="seconds") for answer in recordings.answers]
    released = MODEL.digest(run, "policy")
    SINCE_RELEASE.write(
        run,
        SinceRelease(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            ledger=str(parse_location(ledger)),
            answers=len(recordings.answers),
            first=times[0] if times else None,
            last=times[-1] if times else None,
            sessions=tuple(_session(one, counts, released) for one, counts in recordings.sessions),
            findings=tuple(finding.to_json() for finding in findings if finding.challenge == X8.id),
        ),
    )


def _session(session: ServingSession, counts: Counts, released: str | None) -> RecordedSession:
    return RecordedSession(
        policy=session.policy.model_dump(mode="json"),
        summary=session.policy.summary,
        model=session.model,
        of_release=session.model is not None and session.model == released,
        started=session.started.isoformat(timespec="seconds"),
        **vars(counts),
    )
