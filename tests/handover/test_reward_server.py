"""The server that OpenRLHF asks: its answers, many at once, what is refused and what is kept."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from accord.artefacts import Verdict
from accord.audit.examine import examine
from accord.errors import ArtefactError, RecordError
from accord.foreign.openrlhf import read
from accord.foreign.served_scores import FILE
from accord.foreign.settings import ReadingSettings
from accord.handover import AnswerEnds, RunReward, make_reward_app, open_rewards
from accord.handover.score_log import ScoreLog
from accord.interfaces import Scores
from accord.loop.audited import audited_run
from accord.records import Completion, Prompt
from foreign_files import event, ppo_step, write_events
from handed_runs import learnt_run, stated_run

TOKEN = "a-token-for-the-tests"
PROMPT = '{"messages":[{"role":"user","content":"Write text 1"}]}'


class Lengths:
    """The length of a text, whose members lie about it; it refuses a text that says so, and fails on another."""

    name = "reward"

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        self.may_go.wait()
        self.calls.append(len(completions))
        if any(each.text == "refuse" for each in completions):
            raise RecordError("nobody may ask this", place="text")
        if any(each.text == "fail" for each in completions):
            raise ValueError("broken")
        value_N = np.array([float(len(each.text)) for each in completions])
        return Scores(value_N, np.full(len(completions), 0.5), members_NS=np.stack([value_N - 1, value_N + 1], axis=1))


def lengths() -> tuple[Lengths, dict[str, RunReward]]:
    judge = Lengths()
    return judge, {"reward": RunReward("reward", "v1", "a run", judge)}


class Served:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, body: Any, *, path: str = "/get_reward", **headers: str) -> tuple[int, Any]:
        """Status and body of the answer."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data)
        for name, value in {"authorization": f"Bearer {TOKEN}", **headers}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def texts(self, *texts: str, end: str = "</s>") -> tuple[int, Any]:
        """As OpenRLHF asks about answers to one prompt."""
        written = "<u>Write text 1</u>"
        query = [written + text + end for text in texts]
        return self.ask({"query": query, "prompts": [written] * len(texts), "labels": [PROMPT] * len(texts)})


@contextmanager
def serving(rewards: dict[str, RunReward], **options: Any) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_reward_app(rewards, **{"token": TOKEN, **options})
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Served(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def test_it_answers_as_openrlhf_reads_it() -> None:
    _, rewards = lengths()
    with serving(rewards) as served:
        assert served.texts("abc", "") == (
            200,
            {
                "rewards": [3.0, 0.0],
                "scores": [3.0, 0.0],
                "extra_logs": {"reward_std": [0.5, 0.5], "open_end": [0.0, 0.0]},
            },
        )
        assert served.texts("abc", end="")[1]["extra_logs"]["open_end"] == [1.0]
        assert served.texts() == (200, {"rewards": [], "scores": [], "extra_logs": {"open_end": []}})
        status, about = served.ask(None, path="/reward")
        assert (status, about["reward"]["version"]) == (200, "v1")


def test_what_waits_is_scored_together_and_each_gets_its_own() -> None:
    judge, rewards = lengths()
    judge.may_go.clear()
    found: dict[str, tuple[int, Any]] = {}
    texts = ["a" * n for n in range(1, 13)] + ["refuse", "fail"]
    with serving(rewards, most=8) as served:
        threads = [threading.Thread(target=lambda t=t: found.__setitem__(t, served.texts(t))) for t in texts]
        for thread in threads:
            thread.start()
        judge.may_go.set()
        for thread in threads:
            thread.join()
        assert {text: found[text][1]["rewards"] for text in texts[:12]} == {t: [float(len(t))] for t in texts[:12]}
        assert found["refuse"] == (400, found["refuse"][1])
        assert found["refuse"][1]["error"]["message"] == "text: nobody may ask this"
        assert found["fail"][0] == 500
        assert "the reward failed (ValueError: broken)" in found["fail"][1]["error"]["message"]
        assert max(judge.calls) <= 8
        assert served.texts("still")[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"no json", 400, "body: Invalid JSON"),
        ({"prompts": [], "labels": []}, 400, "query: Field required; send {query, prompts, labels}"),
        ({"query": ["a"]}, 400, "prompts: Field required"),
        ({"query": ["a"], "prompts": [5]}, 400, "prompts.0: Input should be a valid string"),
        ({"query": ["a"], "prompts": ["a", "b"]}, 400, "prompts: 2 for 1 in query"),
        ({"query": ["a"], "prompts": ["a"], "labels": []}, 400, "labels: 0 for 1 in query"),
        ({"query": ["a"], "prompts": ["b"]}, 400, "query[0]: does not begin with prompts[0]"),
        ({"query": ["a"] * 4097, "prompts": ["a"] * 4097}, 400, "query: List should have at most 4096 items"),
        (b"[" * 100_000, 400, "body: Invalid JSON"),
    ],
)
def test_what_is_wrong_is_one_line(body: Any, status: int, problem: str) -> None:
    _, rewards = lengths()
    with serving(rewards) as served:
        found, said = served.ask(body)
    assert (found, problem in said["error"]["message"]) == (status, True), said
    assert "\n" not in said["error"]["message"]


def test_only_who_shows_the_token_is_answered() -> None:
    """Also as the password of an address, the only place that OpenRLHF's client has for it."""
    _, rewards = lengths()
    body = {"query": ["a"], "prompts": ["a"], "labels": [""]}

    def basic(value: str) -> str:
        return f"Basic {base64.b64encode(value.encode()).decode()}"

    with serving(rewards, plain_prompts=True) as served:
        assert served.ask(body, authorization=basic(f"accord:{TOKEN}"))[0] == 200
        for wrong in ("", "Bearer x", TOKEN, basic("accord:x"), basic(TOKEN), "Basic !", "Basic " + "é"):
            assert served.ask(body, authorization=wrong.encode().decode("latin-1"))[0] == 401, wrong
        assert served.ask(None, path="/reward", authorization="Bearer x")[0] == 401
    with serving(rewards, plain_prompts=True, token=None) as served:
        assert served.ask(body)[0] == 200
        assert served.ask(body, host="elsewhere.example")[0] == 403
        assert served.ask(body, origin="http://elsewhere.example")[0] == 403


def test_it_says_where_no_end_is_known(caplog: pytest.LogCaptureFixture) -> None:
    _, rewards = lengths()
    with serving(rewards, ends=AnswerEnds(("<end>",))) as served:
        for _ in range(3):
            served.texts(*["abc"] * 32)
    said = [record.message for record in caplog.records if "name the policy's by --end" in record.message]
    assert said == [
        "none of the first 64 answers ends with an end of sequence that is known; name the policy's by --end, or it is "
        "scored with the text"
    ]


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_read_by_the_audit(tmp_path: Path) -> None:
    """With the steps of the trainer's log, where that accounts for every text."""
    rewards = open_rewards(learnt_run(tmp_path / "run"))
    folder = tmp_path / "openrlhf"
    texts = [f"{'ab'[i % 2] * (1 + i % 5)} {i}" for i in range(24)]
    versions = {name: each.version for name, each in rewards.items()}
    with ScoreLog(folder, versions) as log, serving(rewards, record=log) as served:
        answers = [served.texts(text)[1] for text in texts]
    write_events(
        folder / "events.out.tfevents.1", [ppo_step(step, **{"rollout/num_samples": 8.0}) for step in (1, 2, 3)]
    )
    gathered = read(folder, ReadingSettings())
    assert [row.step for row in gathered.rollouts] == [1] * 8 + [2] * 8 + [3] * 8
    assert [row.text for row in gathered.rollouts] == texts
    assert [row.reward for row in gathered.rollouts] == [each["rewards"][0] for each in answers]
    assert [row.reward_std for row in gathered.rollouts] == [each["extra_logs"]["reward_std"][0] for each in answers]
    first = gathered.judged[0]
    ratio = first.eval_reward_std / first.eval_reward  # type: ignore[operator]
    logs = answers[0]["extra_logs"]
    assert ratio == pytest.approx(logs["eval_reward_std"][0] / logs["eval_reward"][0])
    rows = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    assert np.mean(rows[3]["reward_members"]) == pytest.approx(rows[3]["reward"], rel=1e-5)
    with audited_run(str(folder), write=True, reading=ReadingSettings()) as audited:
        findings = {
            each.id: each for each in examine(audited.run, judges=audited.judges, elsewhere=audited.elsewhere).findings
        }
    assert findings["RE1 same judge"].verdict is not Verdict.NOT_ASSESSABLE
    assert "'eval_reward' counts nothing in what was learnt from" in " ".join(audited.notes)


def test_texts_that_the_log_does_not_account_for_are_left_out(tmp_path: Path) -> None:
    with ScoreLog(tmp_path, {"reward": "v1"}) as log:
        _, rewards = lengths()
        with serving(rewards, record=log) as served:
            served.texts("a", "b", "c")
    write_events(tmp_path / "events.out.tfevents.1", [ppo_step(1, **{"rollout/num_samples": 2.0})])
    gathered = read(tmp_path, ReadingSettings())
    assert gathered.rollouts == []
    assert "the log has 2 samples in 1 steps, and 3 texts were asked about" in " ".join(gathered.notes)


def test_a_log_goes_on_behind_its_last_whole_line_and_has_one_writer(tmp_path: Path) -> None:
    _, rewards = lengths()
    with ScoreLog(tmp_path, {"reward": "v1"}) as log:
        with serving(rewards, record=log) as served:
            served.texts("a", "b")
        with pytest.raises(ArtefactError, match="another server writes to it; name another --record folder"):
            ScoreLog(tmp_path, {})
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"asked": 2, "te')
    with ScoreLog(tmp_path, {"reward": "v2"}) as log:
        assert log.text_count == 2
        with serving(rewards, record=log) as served:
            served.texts("c")
    rows = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [(row["asked"], row["text"], row["reward_version"]) for row in rows] == [
        (0, "a", "v1"),
        (1, "b", "v1"),
        (2, "c", "v2"),
    ]
    write_events(tmp_path / "events.out.tfevents.1", [ppo_step(1, **{"rollout/num_samples": 3.0})])
    assert "scored by 2 versions of 'reward': v1, v2" in " ".join(read(tmp_path, ReadingSettings()).notes)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"asked":0,"text":"a","reward":1}', "prompt: missing"),
        ('{"asked":0,"prompt":[],"text":"a","reward":1}', "prompt: empty"),
        ('{"asked":0,"prompt":"q","text":5,"reward":1}', "text: expected a text"),
        ('{"asked":0,"prompt":"q","text":"a","reward":"x"}', "reward: expected a number"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / FILE).write_text(line + "\n")
    write_events(
        tmp_path / "events.out.tfevents.1", [ppo_step(1, **{"rollout/num_samples": 1.0}), event(1, {"x": 1.0})]
    )
    with pytest.raises(RecordError, match=rf"{FILE}:1 {problem}"):
        read(tmp_path, ReadingSettings())


@pytest.mark.slow
def test_a_server_from_the_command_line(tmp_path: Path) -> None:
    run = stated_run(tmp_path / "run")
    command = [
        sys.executable,
        "-m",
        "accord",
        "serve-reward",
        str(run),
        "--port",
        "0",
        "--record",
        str(tmp_path / "kept"),
    ]
    server = subprocess.Popen(
        command,
        env={**os.environ, "ACCORD_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs this in the background has Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(3)]
        assert lines[0].startswith("reward of run (")
        found = re.fullmatch(rf"--reward.remote_url http://accord:{TOKEN}@127.0.0.1:(\d+)/get_reward\n", lines[2])
        assert found, lines
        served = Served(int(found[1]))
        assert served.texts("aa")[1]["rewards"] == [1.0]
        assert served.texts("b")[1]["rewards"] == [0.0]
        assert served.ask({"query": ["x"], "prompts": ["y"], "labels": [""]})[0] == 400
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert server.returncode == 0
    assert "refused: query[0]: does not begin with prompts[0]" in said
    assert len((tmp_path / "kept" / FILE).read_text().splitlines()) == 2
