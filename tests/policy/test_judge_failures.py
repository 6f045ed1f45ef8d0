"""A judge that fails for a while: asked again, its step skipped, or the run stopped; and on record how often."""

import itertools
import json
import os
import random
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from accord.artefacts import JUDGE_FAILURES, METRICS, SAMPLES
from accord.errors import EndpointError, ExtensionError, ModelError, TrainingStopped, WaitingForPeople
from accord.interfaces import Scores
from accord.lm.remote import EndpointWriter
from accord.policy import GRPO
from accord.policy.judge_failures import PatientJudge
from accord.policy.materials import Materials
from accord.records import Completion, Prompt, Sampling
from accord.reward.kinds.python import FunctionJudge
from accord.reward.specification.answering import ChatAnswers
from accord.reward.specification.clauses import Clause
from accord.reward.specification.judge import SpecificationJudge
from accord.run import RunDirectory
from accord.run.stopping import Terminated, ending_by_signal
from accord.train.optimiser import Optim

PROMPTS = [Prompt.ask(f"Write text {number}") for number in range(4)]
SETTINGS = GRPO(
    base="tiny",
    dtype="float32",
    max_steps=5,
    prompts_per_step=2,
    group_size=3,
    sampling=Sampling(max_tokens=4),
    save_every=2,
    optim=Optim(lr=4e-3, warmup_steps=0, lr_schedule="constant"),
)
SKIP = SETTINGS.model_copy(update={"on_judge_failure": "skip"})
Failing = Callable[[Sequence[Completion]], object]


def raises(error: Exception) -> Failing:
    def fail(_: object) -> object:
        raise error

    return fail


@dataclass
class Flaky:
    """Scores by length; before it does, each step has the failures that are planned for its place."""

    planned: dict[int, list[Failing]] = field(default_factory=dict)
    draws: bool = False
    answered: int = 0
    calls: int = 0
    name = "flaky"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        self.calls += 1
        noise = random.random() + np.random.random() + float(torch.rand(())) if self.draws else 0.0
        planned = self.planned.get(self.answered + 1, [])
        if planned:
            failing = planned.pop(0)
            FunctionJudge("flaky", Path("flaky.py"), lambda texts: failing(completions)).score(prompts, completions)
        self.answered += 1
        return Scores(np.array([len(each.text) + noise * number for number, each in enumerate(completions)]))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("accord.policy.judge_failures.wait_for", waited.append)
    return waited


def train(path: Path, judge: Any, settings: GRPO = SETTINGS, steps: int | None = None) -> None:
    with RunDirectory.open(path) if path.exists() else RunDirectory.create(path) as run:
        made = settings.steps(Materials(prompts=PROMPTS, judge=judge), run)
        list(itertools.islice(made, steps))


def numbers(path: Path) -> dict[str, object]:
    """All that a policy has come to, but for times and what is told of failures."""
    with RunDirectory.open(path, write=False) as run:
        rows = [row.model_copy(update={"seconds": None, "judge_failures": None}) for row in METRICS.read(run, "policy")]
        model = {name: file.sha256 for name, file in run.manifest.files.items() if name.startswith("policy/model/")}
        return {"metrics": rows, "samples": list(SAMPLES.read(run, "policy")), "model": model}


def failures(path: Path) -> list[tuple[int, int, bool]]:
    with RunDirectory.open(path, write=False) as run:
        return [(row.step, row.failures, row.skipped) for row in JUDGE_FAILURES.read(run, "policy")]


@pytest.fixture(scope="module")
def untroubled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    path = tmp_path_factory.mktemp("judge") / "untroubled"
    train(path, Flaky())
    with RunDirectory.open(path, write=False) as run:
        assert not JUDGE_FAILURES.has(run, "policy")
    return numbers(path)


BAD: dict[str, Failing] = {
    "an error": raises(RuntimeError("connection reset")),
    "NaN": lambda completions: [float("nan")] * len(completions),
    "one too few": lambda completions: [0.0] * (len(completions) - 1),
    "garbage": lambda completions: ["good"] * len(completions),
    "nothing": lambda completions: None,
}


def test_a_judge_that_answers_when_asked_again_changes_no_number(
    waits: list[float], untroubled: dict[str, object], tmp_path: Path
) -> None:
    train(tmp_path / "run", Flaky({2: list(BAD.values())[:3], 4: list(BAD.values())[3:]}))
    assert numbers(tmp_path / "run") == untroubled
    assert failures(tmp_path / "run") == [(2, 3, False), (4, 2, False)]
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        assert [row.judge_failures for row in METRICS.read(run, "policy")] == [None, 3, None, 2, None]
        assert '"judge_failures"' not in (run.path / "policy/metrics.jsonl").read_text().splitlines()[0]
    assert len(waits) == 5
    first = list(waits)
    for wait, least in zip(first, (1, 2, 4, 1, 2), strict=True):
        assert least / 2 <= wait < least * 1.5
    assert len(set(first)) == 5
    train(tmp_path / "again", Flaky({2: list(BAD.values())[:3], 4: list(BAD.values())[3:]}))
    assert waits[5:] == first, "the waits are drawn by the run's seed"


def test_waits_are_bounded_and_differ_by_seed_and_step() -> None:
    long = PatientJudge(Flaky(), 99, seed=1, step=1)
    assert max(long.seconds(tries) for tries in range(1, 60)) < 90
    drawn = {PatientJudge(Flaky(), 9, seed=seed, step=step).seconds(1) for seed in (1, 2) for step in (1, 2)}
    assert len(drawn) == 4


def test_a_judge_that_draws_draws_the_same_when_it_is_asked_again(waits: list[float], tmp_path: Path) -> None:
    train(tmp_path / "one", Flaky(draws=True))
    train(tmp_path / "other", Flaky({2: [BAD["an error"]], 3: [BAD["NaN"]]}, draws=True))
    assert numbers(tmp_path / "one") == numbers(tmp_path / "other")


@pytest.mark.parametrize("how", BAD)
def test_by_default_the_run_stops_and_goes_on_to_the_same_numbers(
    how: str, waits: list[float], untroubled: dict[str, object], tmp_path: Path
) -> None:
    judge = Flaky({4: [BAD[how]] * 99})
    with pytest.raises(ExtensionError, match=r"flaky\.py"):
        train(tmp_path / "run", judge)
    assert judge.calls == 3 + 4
    assert len(waits) == 3
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        kept = run.last_checkpoint("policy")
        assert kept is not None
        assert kept.step == 3, "the last whole step, also between two that are kept anyway"
    if how == "NaN":
        train(tmp_path / "run", Flaky())
        assert numbers(tmp_path / "run") == untroubled


@pytest.mark.parametrize(
    ("problem", "calls"),
    [
        (EndpointError("it answers 503"), 4),
        (EndpointError("it answers 401", may_pass=False), 1),
        (ModelError("a question is longer than the context"), 1),
        (ExtensionError("mine.py:2: took longer than 5 s"), 4),
    ],
)
def test_what_cannot_pass_is_not_asked_again(problem: Exception, calls: int, waits: list[float]) -> None:
    class Failing:
        name, calls = "failing", 0

        def score(self, *_: object) -> Scores:
            self.calls += 1
            raise problem

    judge = Failing()
    patient = PatientJudge(judge, 3, 0, 1)
    with pytest.raises(Exception, match=str(problem)[:20]):
        patient.score([], [])
    assert (judge.calls, patient.tries, len(waits)) == (calls, calls, calls - 1)


def test_scores_of_the_wrong_count_or_not_finite_are_a_failure_that_is_not_asked_again(waits: list[float]) -> None:
    class Wrong:
        name = "wrong"

        def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
            return Scores(np.zeros(len(completions) + 1))

    completions = [Completion(prompt=PROMPTS[0].id, text="a")]
    with pytest.raises(Exception, match="the judge 'wrong' gave 2 scores for 1 samples"):
        PatientJudge(Wrong(), 3, 0, 1).score(PROMPTS[:1], completions)
    assert not waits


# -- skipping --------------------------------------------------------------------------------------------------


class FailsInSteps:
    """Refuses some of its calls, by their number; it is called once a step."""

    name = "flaky"

    def __init__(self, *steps: int) -> None:
        self.steps, self.seen = steps, 0

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        self.seen += 1
        if self.seen in self.steps:
            raise EndpointError("it answers 404", may_pass=False)
        return Scores(np.array([float(len(each.text)) for each in completions]))


def test_a_skipped_step_is_on_record_and_leaves_the_next_ones_as_they_are(
    untroubled: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.warns(UserWarning, match="step 3 is skipped, since the judge failed: it answers 404"):
        train(tmp_path / "run", FailsInSteps(3), SKIP)
    found = numbers(tmp_path / "run")
    assert [row.step for row in found["metrics"]] == [1, 2, 4, 5]  # type: ignore[attr-defined]
    assert failures(tmp_path / "run") == [(3, 1, True)]

    def of(samples: Any, step: int) -> list[Any]:
        return [row for row in samples if row.step == step]

    for step in (1, 2):
        assert of(found["samples"], step) == of(untroubled["samples"], step)
    assert not of(found["samples"], 3)
    for step in (4, 5):  # the prompts of a step are those of its number
        ours, theirs = ([row.prompt for row in of(each["samples"], step)] for each in (found, untroubled))
        assert ours == theirs


@pytest.mark.parametrize("broken_off", [2, 3])
def test_a_run_with_skipped_steps_goes_on_to_the_same_numbers(broken_off: int, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="skipped"):
        train(tmp_path / "whole", FailsInSteps(3), SKIP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        train(tmp_path / "run", FailsInSteps(3), SKIP, steps=broken_off)
        # Goes on from step 2 or 4; in the first case the judge is down in the third step again, its first call.
        train(tmp_path / "run", FailsInSteps(1) if broken_off == 2 else FailsInSteps(), SKIP)
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")
    assert failures(tmp_path / "run") == failures(tmp_path / "whole") == [(3, 1, True)]


def test_no_more_steps_are_skipped_than_may_be(tmp_path: Path) -> None:
    one = SKIP.model_copy(update={"max_skipped_steps": 1})
    message = (
        r"^policy: the judge 'flaky' failed at step 4 \(it answers 404\), and as many .* before \(2\); .* step 3 is"
    )
    with pytest.warns(UserWarning, match="step 2"), pytest.raises(TrainingStopped, match=message):
        train(tmp_path / "run", FailsInSteps(2, 4), one)


def test_people_who_did_not_answer_yet_are_no_failure(tmp_path: Path) -> None:
    for problem in (WaitingForPeople("3 completions wait"), TrainingStopped("longer than reward.patience_hours")):

        class Slow:
            name = "people"

            def score(self, *_: object, problem: Exception = problem) -> Scores:
                raise problem

        with pytest.raises(type(problem), match=str(problem)):
            train(tmp_path / type(problem).__name__, Slow(), SKIP)


def test_a_run_that_is_to_end_waits_for_no_judge(tmp_path: Path) -> None:
    def down(_: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("connection reset")

    patient = SKIP.model_copy(update={"judge_retries": 40})
    with ending_by_signal(), pytest.raises(Terminated, match="step 3 of policy is kept"):
        train(tmp_path / "run", Flaky({4: [down] + [BAD["an error"]] * 99}), patient)


def test_settings_that_say_nothing_are_in_no_digest() -> None:
    keys = {"on_judge_failure", "judge_retries", "max_skipped_steps"}
    assert not keys & SETTINGS.model_dump().keys()
    assert keys & SKIP.model_dump().keys() == {"on_judge_failure"}


# -- an endpoint -----------------------------------------------------------------------------------------------


@contextmanager
def endpoint(*answers: tuple[int, str]) -> Iterator[str]:
    """A server that gives these answers in turn, the last of them for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, text = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


YES = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]})
CLAUSE = Clause(name="apology", text="The answer apologises.", weight=2.0)


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        ([(500, "{}"), (503, "busy"), (200, YES)], 3),
        ([(200, "<html>"), (200, YES)], 2),
        ([(200, json.dumps({"choices": []})), (200, YES)], 2),
        ([(200, json.dumps({"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]})), (200, YES)], 2),
        ([(429, json.dumps({"error": {"message": "slower"}})), (200, YES)], 2),
    ],
)
def test_an_endpoint_that_fails_for_a_while(answers: list[tuple[int, str]], tries: int, waits: list[float]) -> None:
    completions = [Completion(prompt=PROMPTS[0].id, text="sorry")]
    with endpoint(*answers) as url:
        chat = ChatAnswers(EndpointWriter(url, "judge", retries=0), parallel=1)
        patient = PatientJudge(SpecificationJudge("clauses", [CLAUSE], np.array([2.0]), chat, {}), 3, 0, 1)
        assert patient.score(PROMPTS[:1], completions).value_N.tolist() == [2.0]
    assert patient.tries == tries
    assert len(waits) == tries - 1


def test_an_endpoint_that_refuses_is_not_asked_again(waits: list[float]) -> None:
    with endpoint((401, json.dumps({"error": {"message": "no such token"}}))) as url:
        chat = ChatAnswers(EndpointWriter(url, "judge", retries=0), parallel=1)
        patient = PatientJudge(SpecificationJudge("clauses", [CLAUSE], np.array([2.0]), chat, {}), 3, 0, 1)
        with pytest.raises(Exception, match="answers 401"):
            patient.score(PROMPTS[:1], [Completion(prompt=PROMPTS[0].id, text="sorry")])
    assert patient.tries == 1
    assert not waits
