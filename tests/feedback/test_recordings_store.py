"""Recorded answers on both stores: kept with their counts, the oldest gone, forgotten by name, read as they were."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accord.errors import LedgerError
from accord.feedback import Ledger
from accord.feedback.deployment.answers import Counts, RecordedAnswer, ServingSession
from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.feedback.deployment.recordings import Recordings, read_recordings
from accord.records import Prompt, Sampling

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "l.db") if request.param == "sqlite" else request.getfixturevalue("postgres").database()


def answer(number: int, **changes: object) -> RecordedAnswer:
    prompt = Prompt.ask(f"Question {number}?")
    one = RecordedAnswer(
        name=f"n-{number}",
        session="s",
        time=NOW + timedelta(minutes=number),
        endpoint="chat",
        prompt=prompt,
        texts=("Yes.", "nothing \0 at all"),
        prompt_digest="d",
        letters=(4, 16),
        refusals=(False, True),
        ends=("eos", None),
        sampling=Sampling(seed=number, stop=("x",)),
    )
    return one.model_copy(update=changes)


def test_what_is_kept_is_read_as_it_was(location: str) -> None:
    policy = RecordingPolicy(share=1.0, most=4)
    session = ServingSession(id="s", policy=policy, label="m", model="0" * 64, version="0", started=NOW)
    answers = [answer(number) for number in range(6)]
    with Ledger(location) as ledger:
        with pytest.raises(LedgerError, match="nothing was recorded"):
            read_recordings(location)
        recordings, again = Recordings(ledger), Recordings(ledger)
        assert recordings.digest("requester", "anna") == again.digest("requester", "anna")
        assert recordings.digest("requester", "anna") != recordings.digest("prompt", "anna")
        recordings.begin(session)
        recordings.keep(session, answers[:3], Counts(9, 1, 3, 3, 0), now=NOW.timestamp())
        with pytest.raises(LedgerError):
            recordings.keep(session, [answers[4], answers[0]], Counts(), now=NOW.timestamp())
        assert read_recordings(location).answers == tuple(answers[:3]), "all of it or nothing"
        recordings.keep(session, answers[3:], Counts(20, 1, 6, 6, 0), now=NOW.timestamp())
        deployment = read_recordings(location)
        assert deployment.answers == tuple(answers[2:]), "the oldest go first"
        assert deployment.sessions == ((session, Counts(20, 1, 6, 6, 0)),)
        assert deployment.session_of(deployment.answers[0]) == session
        assert recordings.forget("n-3")
        assert not recordings.forget("n-3")
        assert recordings.clear_away((NOW + timedelta(days=31)).timestamp()) == ""
    assert read_recordings(location).answers == ()


def test_an_answer_of_no_session_is_refused(tmp_path: Path) -> None:
    session = ServingSession(id="s", policy=RecordingPolicy(), label="m", version="0", started=NOW)
    with Ledger(tmp_path / "l.db") as ledger:
        recordings = Recordings(ledger)
        recordings.begin(session)
        recordings.keep(session, [answer(0, session="other")], Counts(), now=NOW.timestamp())
    with pytest.raises(LedgerError, match=r"of no session that is there \(other\)"):
        read_recordings(tmp_path / "l.db")


@pytest.mark.parametrize("changes", [{"refusals": (True,)}, {"texts": ("one",)}, {"prompt": None}])
def test_an_answer_has_as_many_of_each(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"as many answers|together or not at all"):
        RecordedAnswer.model_validate(dict(answer(0)) | changes)


def test_counts_add_up() -> None:
    assert replace(Counts(1), losses=2).plus(requests=2, losses=1) == Counts(3, 0, 0, 0, 3)
