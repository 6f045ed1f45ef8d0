"""Requests recorded beside serving: which are drawn, what is kept of them, who declines, what goes wrong."""

import json
import logging
import sqlite3
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from running_server import MESSAGES, TOKEN, Gate, Served, serving

from accord.errors import LedgerError
from accord.feedback import Ledger
from accord.feedback.deployment.answers import ServingSession
from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.feedback.deployment.recordings import Deployment, Recordings, read_recordings
from accord.lm.loading import load
from accord.records import Prompt
from accord.serve import Worker
from accord.serve.recording import Answered, Recorder
from accord.serve.requests import ChatRequest

ALL = RecordingPolicy(share=1.0)
log = logging.getLogger("accord.record")


def session_of(policy: RecordingPolicy) -> ServingSession:
    return ServingSession(id="s-1", policy=policy, label="tiny", version="0", started=datetime.now(UTC))


@contextmanager
def recording(folder: Path, policy: RecordingPolicy = ALL) -> Iterator[tuple[Served, Recorder]]:
    """A tiny model that is served and recorded beside `l.db`; all is written down at the end."""
    with Ledger(folder / "l.db", pooled=True) as ledger:
        recorder = Recorder(Recordings(ledger), session_of(policy))
        try:
            with serving(Worker(load("tiny", seed=1), slots=8), recorder=recorder) as served:
                yield served, recorder
        finally:
            recorder.close()


def ask(served: Served, path: str = "chat/completions", **more: Any) -> dict[str, Any]:
    asked = {"messages": MESSAGES} if path.startswith("chat") else {"prompt": "abc"}
    body = {"model": "tiny", "max_tokens": 6, "seed": 3, "temperature": 1.0, **asked, **more}
    status, answer = served.post(f"/v1/{path}", body)
    assert status == 200, answer
    return answer


def kept(folder: Path) -> Deployment:
    return read_recordings(folder / "l.db")


def test_what_was_asked_and_answered_is_kept_whole(tmp_path: Path) -> None:
    with recording(tmp_path) as (served, _):
        answer = ask(served, n=2, user="anna")
        again = ask(served, user="anna")
        other = ask(served, "completions", prompt=["abc", "de"], n=2, user="bert")
    deployment = kept(tmp_path)
    chat, second, first_of_two, second_of_two = deployment.answers
    assert chat.prompt == Prompt.ask("Say something.")
    assert chat.texts == tuple(choice["message"]["content"] for choice in answer["choices"])
    assert (chat.name, second.name) == (answer["id"], again["id"])
    assert chat.letters == tuple(map(len, chat.texts or ()))
    assert chat.sampling.max_tokens == 6
    assert chat.requester == second.requester != first_of_two.requester
    assert chat.prompt_digest == second.prompt_digest
    assert (first_of_two.name, first_of_two.place, second_of_two.place) == (other["id"], 0, 1)
    assert first_of_two.texts == tuple(choice["text"] for choice in other["choices"][:2])
    assert second_of_two.texts == tuple(choice["text"] for choice in other["choices"][2:])
    ((session, counts),) = deployment.sessions
    assert session.policy == ALL
    assert (counts.requests, counts.draws, counts.records, counts.losses) == (3, 3, 3, 0)
    assert "anna" not in (tmp_path / "l.db").read_bytes().decode("latin-1")


def test_a_stream_is_recorded_whole_and_one_that_is_left_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(tmp_path) as (served, recorder):
        body = {"model": "tiny", "messages": MESSAGES, "max_tokens": 6, "seed": 3, "stream": True}
        chunks = list(served.client.chat.completions.create(**body))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        gate = Gate(served.worker, monkeypatch)
        left = served.connection({"prompt": "abc", "max_tokens": 50, "stream": True})
        assert gate.reached.wait(30)
        left.close()
        gate.open(2)
        gate.open(200)
        assert gate.let_go.wait(30)
        assert recorder.counts.draws == 2
    deployment = kept(tmp_path)
    assert [one.texts for one in deployment.answers] == [(text,)]
    assert deployment.answers[0].name == chunks[0].id
    assert deployment.sessions[0][1].records == 1


def header_of(served: Served, body: dict[str, Any], **headers: str) -> str | None:
    data = json.dumps({"model": "tiny", "messages": MESSAGES, "max_tokens": 2, **body}).encode()
    all_headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", **headers}
    request = urllib.request.Request(f"{served.url}/v1/chat/completions", data=data, headers=all_headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        response.read()
        found: str | None = response.headers["x-accord-recording"]
        return found


def test_whoever_declines_is_not_recorded(tmp_path: Path) -> None:
    with recording(tmp_path) as (served, recorder):
        assert header_of(served, {}) == "drawn"
        assert header_of(served, {"stream": True}) == "drawn"
        assert header_of(served, {"store": False}) == "declined"
        assert header_of(served, {"store": True}, **{"x-accord-record": "No"}) == "declined"
        assert recorder.counts.declines == 2
        status, told = served.get("/v1/recording")
        assert (status, told["recorded"], told["policy"]["share"]) == (200, True, 1.0)
        assert served.get("/v1/recording", authorization="")[0] == 401
    assert len(kept(tmp_path).answers) == 2


def test_opting_in_is_asking_to_be_stored(tmp_path: Path) -> None:
    with recording(tmp_path, RecordingPolicy(share=1.0, consent="opt-in")) as (served, _):
        assert header_of(served, {}) == "declined"
        assert header_of(served, {"store": True}) == "drawn"
    assert len(kept(tmp_path).answers) == 1


def test_who_is_drawn_follows_from_the_id_and_the_seed(tmp_path: Path) -> None:
    policy = RecordingPolicy(share=0.5, seed=7)
    with recording(tmp_path, policy) as (served, _):
        names = [ask(served, max_tokens=1)["id"] for _ in range(24)]
    assert [one.name for one in kept(tmp_path).answers] == [name for name in names if policy.draws(name)]
    assert kept(tmp_path).sessions[0][1].requests == 24


def test_measures_alone_hold_no_text(tmp_path: Path) -> None:
    with recording(tmp_path, RecordingPolicy(share=1.0, keep="measures", requesters=False)) as (served, _):
        answer = ask(served, user="anna")
    (one,) = kept(tmp_path).answers
    assert (one.prompt, one.texts, one.requester) == (None, None, None)
    assert one.letters == (len(answer["choices"][0]["message"]["content"]),)
    assert "Say something" not in (tmp_path / "l.db").read_bytes().decode("latin-1")


def test_patterns_are_taken_out_of_prompts_and_answers(tmp_path: Path) -> None:
    policy = RecordingPolicy.parse("share = 1.0\n[[redact]]\nname = \"email\"\npattern = '\\S+@\\S+'")
    with recording(tmp_path, policy) as (served, _):
        ask(served, messages=[{"role": "user", "content": "Write to anna@example.org and b@c.d now"}])
    (one,) = kept(tmp_path).answers
    assert one.prompt == Prompt.ask("Write to [email] and [email] now")
    assert one.redactions >= 2
    assert b"anna@example.org" not in (tmp_path / "l.db").read_bytes()


def test_an_answer_is_forgotten_by_its_id(tmp_path: Path) -> None:
    with recording(tmp_path) as (served, _):
        first, second = ask(served), ask(served, "completions")
        for path, name in (("chat/completions", first["id"]), ("completions", second["id"])):
            request = urllib.request.Request(f"{served.url}/v1/{path}/{name}", method="DELETE")
            request.add_header("authorization", f"Bearer {TOKEN}")
            with urllib.request.urlopen(request, timeout=60) as response:
                assert json.load(response) == {"object": "chat.completion.deleted", "id": name, "deleted": True}
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(request, timeout=60)
    assert kept(tmp_path).answers == ()


def test_clients_at_once_are_all_recorded(tmp_path: Path) -> None:
    with recording(tmp_path) as (served, _):
        threads = [threading.Thread(target=ask, args=(served,), kwargs={"user": f"u{i}"}) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    answers = kept(tmp_path).answers
    assert len({one.name for one in answers}) == len({one.requester for one in answers}) == 12


def test_a_ledger_that_is_busy_fails_no_answer_and_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Ledger(tmp_path / "l.db", timeout=0.05) as ledger:
        recorder = Recorder(Recordings(ledger), session_of(ALL))
        with serving(Worker(load("tiny", seed=1), slots=8), recorder=recorder) as served:
            with closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                log.addHandler(caplog.handler)  # the server's own settings keep it from the root
                ask(served)
                assert isinstance(recorder.forget("another").exception(60), LedgerError)
                log.removeHandler(caplog.handler)
            ask(served)
        counts = recorder.close()
    assert (counts.requests, counts.records, counts.losses) == (2, 1, 1)
    assert "are not recorded" in caplog.text
    assert read_recordings(tmp_path / "l.db").sessions[0][1] == counts


def recorder_of(ledger: Ledger, policy: RecordingPolicy = ALL, **more: Any) -> Recorder:
    return Recorder(Recordings(ledger), session_of(policy), **more)


def hand_in(recorder: Recorder, name: str, text: str = "Yes.") -> None:
    ticket = recorder.ticket(name, store=None, headers={}, requester="anna")
    prompt = Prompt.ask("Is it?")
    sampling = ChatRequest(model="m", messages=({"role": "user", "content": "a"},)).sampling(5)
    recorder.take(ticket, "chat", [Answered(prompt, (text,), ("stop",), sampling)])


def test_a_recorder_that_fails_fails_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(tmp_path) as (served, recorder):

        def fail(*_: object) -> None:
            raise RuntimeError("no more")

        monkeypatch.setattr(recorder, "take", fail)
        assert ask(served)["choices"]
        assert header_of(served, {"stream": True}) == "drawn"
        assert recorder.counts.losses == 2
    assert kept(tmp_path).answers == ()


def test_what_is_too_old_or_too_many_goes(tmp_path: Path) -> None:
    times = iter(datetime.now(UTC) + timedelta(days=days) for days in (-40, -40, -2, -2, -1, -1, 0, 0, 0, 0))
    with Ledger(tmp_path / "l.db") as ledger:
        recorder = recorder_of(ledger, RecordingPolicy(share=1.0, most=2), clock=lambda: next(times))
        for number in range(4):
            hand_in(recorder, f"n-{number}")
            assert not recorder.forget("another").result(60)
        recorder.close()
    assert [one.name for one in kept(tmp_path).answers] == ["n-2", "n-3"]
    with Ledger(tmp_path / "l.db") as ledger:
        assert Recordings(ledger).clear_away((datetime.now(UTC) + timedelta(days=29.5)).timestamp()) == ""
    assert [one.name for one in kept(tmp_path).answers] == ["n-3"]


def test_a_text_that_no_record_can_hold_is_counted_and_no_other_suffers(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        recorder = recorder_of(ledger)
        hand_in(recorder, "n-1", "half \ud800 a character")
        hand_in(recorder, "n-2", "nothing \0 at all")
        counts = recorder.close()
    assert (counts.records, counts.losses) == (1, 1)
    assert [one.texts for one in kept(tmp_path).answers] == [("nothing \0 at all",)]


def test_an_altered_answer_is_not_read(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        recorder = recorder_of(ledger)
        hand_in(recorder, "n-1")
        recorder.close()
    with closing(sqlite3.connect(tmp_path / "l.db")) as raw, raw:
        raw.execute("UPDATE deployment_answers SET content = replace(content, 'Yes.', 'No.')")
    with pytest.raises(LedgerError, match="altered after it was written"):
        kept(tmp_path)


def test_a_ledger_without_recordings_says_so(tmp_path: Path) -> None:
    Ledger(tmp_path / "l.db").close()
    with pytest.raises(LedgerError, match="nothing was recorded here"):
        kept(tmp_path)
