"""Real models that are asked: behind `accord serve`, behind `transformers serve`, of a run, and by their scores."""

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from small_studies import lay_out
from transformers import LlamaForCausalLM

from accord.cli import run
from accord.feedback import Ledger, draw_pairs, write_data
from accord.lm.tiny import tiny_config, tiny_tokenizer
from accord.loop.progress import ProgressDisplay
from accord.loop.stage import Context
from accord.loop.stages import stages_of
from accord.records import Comparison, Declined, Feedback
from accord.run import RunDirectory
from small_data import letters_dataset
from small_run import RECIPE

REASON = re.compile(
    r"not read: (It was cut off after 24 tokens|The words behind which the answer belongs stand in it not)"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of 40,000 weights and room for long conversations."""
    config = tiny_config()
    config.max_position_embeddings = 16_384
    folder = tmp_path_factory.mktemp("model") / "tiny"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@contextmanager
def serving(command: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | environment
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def ask(study: Path, ledger: Path, by: str, *more: str) -> list[Feedback]:
    length = [] if "reward" in more else ["--max-tokens", "24"]
    assert run(["ask", str(study), "--ledger", str(ledger), "--by", by, *length, *more]) == 0
    with Ledger(ledger, write=False) as opened:
        return list(opened.feedback())


def check_nothing_was_read(feedback: Sequence[Feedback], *, requests: int) -> None:
    """What weights drawn by lot write is no answer, and what it cost is on record."""
    for record in feedback:
        assert isinstance(record.judgement, Declined)
        assert REASON.match(record.judgement.reason or "")
        assert record.usage is not None
        assert record.usage.requests == requests
        assert record.usage.input_tokens > 1_000 * requests  # a token a byte
        assert 0 < record.usage.output_tokens <= 24 * requests


@pytest.mark.slow
def test_a_model_of_ones_own_with_and_without_a_server(model: Path, tmp_path: Path) -> None:
    study = lay_out(tmp_path, "rating")
    here = ask(study, tmp_path / "here.db", f"run:{model}")
    check_nothing_was_read(here, requests=2)
    command = [sys.executable, "-m", "accord", "serve", str(model), "--port", "0", "--no-token", "--dtype", "float32"]
    with serving(command, {}) as server:
        assert server.stdout is not None
        (url,) = re.findall(r"http://\S+", server.stdout.readline())
        there = ask(study, tmp_path / "there.db", f"model:{url}")
    answers = [{(record.prompt, record.judgement, record.usage) for record in side} for side in (here, there)]
    assert answers[0] == answers[1]


@pytest.mark.slow
def test_transformers_serve(model: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("fastapi") is None:
        pytest.skip("transformers serve needs fastapi (pip install transformers[serving])")
    study, ledger = lay_out(tmp_path, "comparison"), tmp_path / "l.db"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", program, "serve", str(model), "--host", "127.0.0.1", "--port", str(port)]
    with serving([*command, "--device", "cpu"], {"HF_HUB_OFFLINE": "1"}) as server:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server)
        feedback = ask(study, ledger, f"model:{url}", "--model", str(model), "--parallel", "1")
    assert len(feedback) == 16
    check_nothing_was_read(feedback, requests=2)
    assert draw_pairs(feedback).pairs == ()


def wait_for(url: str, server: "subprocess.Popen[str]") -> None:
    """Until the server answers."""
    while True:
        assert server.poll() is None, "it ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)


@pytest.mark.slow
def test_the_scores_of_a_reward_model(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with RunDirectory.create(folder) as opened:
        write_data(opened, letters_dataset())
        progress, stages = ProgressDisplay(quiet=True), stages_of(RECIPE)
        stages["reward"].perform(Context(RECIPE, opened, progress, stage="reward"))
    study, ledger = lay_out(tmp_path), tmp_path / "l.db"
    items = [{"prompt": "Write text 1", "completions": [few, many]} for few, many in (("abbb", "aaab"), ("b", "aaaa"))]
    (study.parent / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    feedback = ask(study, ledger, f"run:{folder}", "--stage", "reward")
    assert len(feedback) == 2  # scores do not depend on an order
    for record in feedback:
        assert isinstance(record.judgement, Comparison)
        assert record.judgement.scores is not None
        left, right = record.judgement.scores
        assert record.judgement.preferred == ("left" if left > right else "right")
    with Ledger(ledger, write=False) as opened_ledger:
        pairs, texts = draw_pairs(opened_ledger).pairs, opened_ledger.completions()
        (evaluator,) = opened_ledger.evaluators().values()
    assert {texts[pair.chosen].text for pair in pairs} == {"aaab", "aaaa"}
    assert (evaluator.kind, evaluator.pseudonym) == ("model", "reward")
    rating = lay_out(tmp_path, "rating")
    assert run(["ask", str(rating), "--ledger", str(ledger), "--by", f"run:{folder}", "--stage", "reward"]) == 2
