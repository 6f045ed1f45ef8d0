"""`accord collect` from the command line: what it prints, what it refuses."""

import re
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from accord.cli import run
from forked import COLLECTING, forked

STUDY = """name = "s"
title = "S"
items_file = "items.jsonl"
"""
QUESTION = """[[questions]]
kind = "comparison"
text = "Which?"
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study with one item."""
    (tmp_path / "items.jsonl").write_text('{"prompt": "p", "completions": ["a", "b"]}\n')
    (tmp_path / "study.toml").write_text(STUDY + QUESTION)
    return tmp_path / "study.toml"


def test_collecting_until_ctrl_c(study: Path) -> None:
    study.write_text(f"{STUDY}overlap = 3\n{QUESTION}[experts]\n")
    command = ["collect", str(study), "--ledger", str(study.parent / "people.db")]
    more = ["--port", "0", "--admin", "kim", "--invite", "1", "--invite-experts", "1"]
    server = forked([*command, *more], imports=COLLECTING)
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(5)]
        assert lines[0] == "S: 1 items (1 new), 0 gold, 0 practice\n"
        found = re.fullmatch(r"listening at (http://127.0.0.1:\d+)\n", lines[4])
        assert found, lines
        assert re.fullmatch(rf"for whoever runs it: {found[1]}/admin  name kim  password \S{{16}}\n", lines[1])
        for line, whom in zip(lines[2:4], ("person", "expert"), strict=True):
            link = line.removeprefix(f"for one {whom}: ").strip()
            with urllib.request.urlopen(link, timeout=60) as page:
                assert "server" not in page.headers
                assert b"I agree to take part" in page.read()
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert (server.returncode, said) == (0, "")


def test_several_studies_have_one_address(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = study.parent / "other.toml"
    other.write_text((STUDY + QUESTION).replace('name = "s"', 'name = "t"'))
    both = ["collect", str(study), str(other), "--ledger", str(study.parent / "people.db"), "--port", "0"]
    assert run([*both, "--approvals", str(study.parent / "list.csv")]) == 2
    assert "--approvals: is of one study, and 2 are named" in capsys.readouterr().err
    server = forked([*both, "--invite", "1", "--admin", "kim"], imports=COLLECTING)
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(6)]
        address = lines[5].removeprefix("listening at ").strip()
        passwords = [
            lines[place].partition(f"{address}/{name}/admin  name kim  ")[2] for place, name in ((1, "s"), (3, "t"))
        ]
        assert passwords[0].startswith("password ")
        assert passwords[1].startswith("password ")
        link = lines[4].removeprefix("for one person: ").strip()
        assert link.startswith(f"{address}/s/join/")
        with urllib.request.urlopen(link, timeout=60) as page:
            assert b"I agree to take part" in page.read()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--public-url", "study.example.org"], "give https://name, without a path"),
        (["--public-url", "https://study.example.org/path"], "give https://name, without a path"),
        (["--writer", "tiny"], "the study asks for no candidates"),
        (["--invite-experts", "1"], "study.experts: missing; add the section to invite experts"),
    ],
)
def test_what_is_refused(study: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert run(["collect", str(study), "--ledger", str(study.parent / "people.db"), "--port", "0", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("comparison", "compare"), "'compare' is no kind of judgement"),
        (('text = "Which?"\n', ""), "study.questions[0].text: missing"),
        (("items.jsonl", "nothing.jsonl"), "nothing.jsonl: no such file"),
    ],
)
def test_a_study_that_cannot_be_used(
    study: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    study.write_text((STUDY + QUESTION).replace(*change))
    assert run(["collect", str(study), "--ledger", str(study.parent / "people.db"), "--port", "0"]) == 2
    assert said in capsys.readouterr().err
    assert not list(study.parent.glob("people.db*")), "no empty ledger is left behind"


def test_a_port_that_is_taken(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["collect", str(study), "--ledger", str(study.parent / "people.db"), "--port", str(port)]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_a_writer_that_is_not_there(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.write_text(STUDY + "candidates = 2\n" + QUESTION)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert run(["collect", str(study), "--ledger", str(study.parent / "p.db"), "--port", "0", "--writer", url]) == 2
    assert not (study.parent / "p.db").exists()
    assert f"{url}/v1/models: no answer that can be read" in capsys.readouterr().err


def test_disagreement_needs_the_reward_model_of_a_run(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from accord.cli.collecting import _judge
    from accord.lm.loading import load
    from accord.lm.reward_model import ScalarHeadModel
    from accord.records import Completion, Prompt
    from accord.run import RunDirectory

    study.write_text(STUDY + 'choose = "disagreement"\n' + QUESTION)
    arguments = ["collect", str(study), "--ledger", str(tmp_path / "people.db"), "--port", "0"]
    assert run(arguments) == 2
    assert "accord collect --judge RUN" in capsys.readouterr().err
    with RunDirectory.create(tmp_path / "run") as made, made.write_folder("reward/model", stage="reward") as folder:
        ScalarHeadModel.fresh(load("tiny"), name="reward", members=3).save(folder)
    judge = _judge(tmp_path / "run")
    assert judge is not None
    prompt = Prompt.ask("p")
    scores = judge.score([prompt], [Completion(prompt=prompt.id, text="a")])
    assert scores.std_N is not None  # its doubt
    with RunDirectory.create(tmp_path / "bare"):
        pass
    assert run([*arguments, "--judge", str(tmp_path / "bare")]) == 2
    assert "reward/model: not in the manifest" in capsys.readouterr().err


def test_another_question_under_the_same_name_is_confirmed(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first study is entered; another question under its name is refused, and taken with --changed."""
    from accord.cli import collecting
    from accord.collect import Desk, Study
    from accord.feedback import Ledger

    monkeypatch.setattr(collecting, "_serve", lambda *_: None)
    ledger = study.parent / "people.db"
    (study.parent / "items.jsonl").write_text('{"prompt": "p", "completions": ["a", "a "]}\n' * 2)
    with Ledger(ledger) as opened:
        Desk(Study.load(study), opened).load_items()
    study.write_text(STUDY + QUESTION.replace("Which?", "Which is kinder?"))
    command = ["collect", str(study), "--ledger", str(ledger), "--port", "0"]
    assert run(command) != 0
    assert "has another question ('Which?', now 'Which is kinder?')" in capsys.readouterr().err
    assert run([*command, "--changed"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("S: 1 items (0 new), 0 gold, 0 practice\n")
    assert "items.jsonl:1: completions 1 and 2 differ in blanks or Unicode forms alone" in said.err
    assert "items.jsonl:2: the same item as items.jsonl:1, which counts" in said.err
