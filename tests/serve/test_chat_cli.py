"""`accord chat` and `accord standings` from the command line, and what a kill leaves."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from chatting import Visitor

from accord.artefacts import MODEL, RECIPE
from accord.cli import run
from accord.cli.chatting import _speaker
from accord.errors import ArtefactError, RecipeError
from accord.feedback import Ledger
from accord.lm.loading import load
from accord.lm.settings import ModelSettings
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Sampling
from accord.run import RunDirectory

SETTINGS = ModelSettings(dtype="float32")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--against", "tiny"], "--ledger FILE: missing"),
        (["--ledger", "votes.db"], "nothing is voted on; name another model by --against"),
        (["--against-stage", "sft"], "nothing is voted on"),
        (["--evaluator", "anna"], "nothing is voted on"),
        (["--against", "tiny", "--ledger", "votes.db", "--evaluator", " "], "--evaluator: give a pseudonym"),
        (["--slots", "0"], "--slots 0: one at least"),
        (["--host", "0.0.0.0", "--no-token"], "whoever reaches it could use it"),
        (["--stage", "sft"], "is no run (no manifest.json)"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["chat", "tiny", "--port", "0", *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "votes.db").exists()


def test_one_model_is_not_compared_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["chat", "tiny", "--port", "0", "--against", "tiny", "--ledger", "votes.db"]) == 2
    assert "both models are called tiny" in capsys.readouterr().err
    assert not (tmp_path / "votes.db").exists()


def test_a_run_of_sft_alone_is_talked_to_as_it_sampled(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "mine") as opened:
        with MODEL.write(opened, stage="sft") as folder:
            load("tiny", seed=1).save(folder)
        RECIPE.write(opened, "[evaluate.sampling]\ntemperature = 0.8\nmax_tokens = 7\nseed = 3\n")
    speaker = _speaker(str(tmp_path / "mine"), None, SETTINGS, 2)
    assert re.fullmatch("mine/sft@[0-9a-f]{8}", speaker.name)
    assert speaker.sampling == Sampling(temperature=0.8, max_tokens=7)
    with pytest.raises(ArtefactError, match="it has no policy/model"):
        _speaker(str(tmp_path / "mine"), "policy", SETTINGS, 2)


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    causal = load("tiny", seed=1)
    causal.tokenizer.chat_template = None
    causal.save(tmp_path / "plain")
    with pytest.raises(RecipeError, match="no chat template that takes a question"):
        _speaker(str(tmp_path / "plain"), None, SETTINGS, 2)


@contextmanager
def served(arguments: list[str]) -> Iterator[str]:
    """The first line that the command prints, in a process of its own that is killed at the end of the block."""
    read_end, write_end = os.pipe()
    child = get_context("fork").Process(target=_serve, args=(arguments, write_end))
    child.start()
    os.close(write_end)
    try:
        with os.fdopen(read_end) as printed:
            yield printed.readline()
            child.kill()
    finally:
        child.kill()
        child.join()


def _serve(arguments: list[str], printed: int) -> None:
    sys.stdout = os.fdopen(printed, "w")
    os._exit(run(arguments))


def test_votes_that_were_answered_survive_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is killed right after each answer to a vote; what it answered is in the ledger, and nothing twice."""
    monkeypatch.setenv("ACCORD_TOKEN", "secret")
    load("tiny", seed=5).save(tmp_path / "other")
    ledger = tmp_path / "votes.db"
    command = ["chat", "tiny", "--against", str(tmp_path / "other"), "--port", "0"]
    command += ["--ledger", str(ledger), "--dtype", "float32"]
    visitor = None
    for taken in (1, 2):
        with served(command) as line:
            found = re.fullmatch(r"tiny against other at (http://127\.0\.0\.1:\d+)/\?token=secret\n", line)
            assert found, line
            visitor = visitor or Visitor(found[1])
            before, visitor.url = visitor.page, found[1]
            if before:  # the page of the server that is gone
                visitor.send("/vote", vote="right")
                assert visitor.status == 409
                assert "votes that were taken are kept" in visitor.page
            visitor.get("/?token=secret")
            visitor.send("/say", text="Say something.", max_tokens="3", temperature="0")
            visitor.whole()
            visitor.send("/vote", vote="left")
            assert "You said" in visitor.page
        with Ledger(ledger, write=False) as opened:
            assert opened.rows() == taken
            assert len(opened.evaluators()) == 1, "a browser is the same person after a restart"


def compared(path: Path) -> Path:
    """A ledger in which `one` is preferred to `other`, and a text of nobody knows whom."""
    evaluator, prompt = Evaluator(kind="person", pseudonym="anna"), Prompt.ask("Say.")
    with Ledger(path) as ledger:
        for place in range(6):
            writers = ("one", "other") if place < 5 else ("one", None)
            texts = [Completion(prompt=prompt.id, text=f"{writer} {place}", writer=writer) for writer in writers]
            preferred = "right" if place == 4 else "left"
            feedback = Feedback(
                evaluator=evaluator.id,
                prompt=prompt.id,
                completions=tuple(text.id for text in texts),
                judgement=Comparison(preferred=preferred),
                session=f"s{place}",
            )
            ledger.add(evaluator, prompt, *texts, feedback)
    return path


def test_standings_of_any_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = compared(tmp_path / "l.db")
    assert run(["standings", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["model"] for each in told["models"]] == ["one", "other"]
    assert told["models"][0]["win_rate"]["value"] == 0.8
    assert told["left_out"] == {"it is not recorded which model wrote a text": 1}
    assert run(["standings", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "5 comparisons, 0 ties" in printed
    assert "80.0% [" in printed
    assert run(["standings", str(path), "--by", "model"]) == 2
    assert "no two texts of different models are compared" in capsys.readouterr().err
    assert run(["standings", str(tmp_path / "none.db")]) == 2
