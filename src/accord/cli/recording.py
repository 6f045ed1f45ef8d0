"""What `accord serve --record` records, and where."""

import logging
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from accord.errors import RecipeError, storage
from accord.run import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accord.feedback.deployment.answers import ServingSession
    from accord.feedback.deployment.recording_policy import RecordingPolicy
    from accord.serve.recording import Recorder

__all__ = ["recording_policy", "recording_to", "serving_session"]

log = logging.getLogger("accord.record")


def recording_policy(record: str | None, file: Path | None, share: float | None) -> "RecordingPolicy | None":
    """The policy of the options; None where nothing is recorded. Raises where an option lacks `--record`."""
    if record is None:
        for option, value in (("--record-policy", file), ("--record-share", share)):
            if value is not None:
                raise RecipeError(f"{option}: says what is recorded, and nothing is; add --record LEDGER")
        return None
    from accord.feedback.deployment.recording_policy import RecordingPolicy

    policy = RecordingPolicy() if file is None else RecordingPolicy.load(file)
    if share is None:
        return policy
    return RecordingPolicy.of(policy.model_dump(mode="json") | {"share": share}, place="--record-share")


def serving_session(run: str, stage: str, policy: "RecordingPolicy", *, label: str, dtype: str) -> "ServingSession":
    """A session that begins now: which model answers, by the digest of its files where it is a run's."""
    from importlib.metadata import version

    from accord.artefacts import MODEL, result_of
    from accord.feedback.deployment.answers import ServingSession
    from accord.run import RunDirectory

    path = result_of(Path(run).expanduser())
    model = name = None
    with storage(path):
        is_run = (path / MANIFEST).is_file()
    if is_run:
        with RunDirectory.open(path, write=False) as opened:
            model, name = MODEL.digest(opened, stage), opened.manifest.id
    return ServingSession(
        id=uuid4().hex[:16],
        policy=policy,
        label=label,
        model=model,
        run=name,
        stage=stage if is_run else None,
        dtype=dtype,
        version=version("accord"),
        started=datetime.now(UTC),
    )


@contextmanager
def recording_to(ledger: str, session: "ServingSession") -> "Iterator[Recorder]":
    """What records for as long as the server runs; the policy is printed first, what came of it at the end."""
    from accord.feedback import Ledger
    from accord.feedback.deployment.recordings import Recordings
    from accord.serve.recording import Recorder

    with Ledger(ledger, pooled=True) as opened:
        recordings = Recordings(opened)
        if left := recordings.clear_away(session.started.timestamp()):
            log.warning("what was forgotten is still in %s; the next start tries again", left)
        print(f"recording to {opened.location}: {session.policy.summary}", flush=True)
        if not session.policy.notice:
            print("the policy names no `notice`: say where those who ask learn of it", file=sys.stderr, flush=True)
        recorder = Recorder(recordings, session)
        try:
            yield recorder
        finally:
            counts = recorder.close()
            print(
                f"recorded {counts.records:,} of {counts.requests:,} requests ({counts.declines:,} may not be "
                f"recorded, {counts.losses:,} were lost)",
                flush=True,
            )
