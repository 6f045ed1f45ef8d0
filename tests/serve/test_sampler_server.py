"""A policy whose samples are drawn by `accord serve`: the numbers of its own, and weights that are handed over."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from running_server import TOKEN, Served, serving

from accord import recipe
from accord.artefacts import METRICS, SAMPLES
from accord.errors import EndpointError
from accord.interfaces import Sampler
from accord.lm import load
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.generate import LocalSampler
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.weight_files import replace_weights, write_weights
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.policy import GRPO, PPO, PRO, REINFORCE, RLOO
from accord.policy.materials import Materials
from accord.policy.servers.sampler import ServerSampler
from accord.policy.servers.settings import SamplerServer
from accord.records import Sample, Sampling
from accord.run import RunDirectory
from accord.serve import Worker
from accord.serve.weight_routes import START, WeightStore
from accord.train import Optim
from small_data import LetterJudge, letters_dataset
from talking_server import SILENCE, Answers, talking

PROMPTS = letters_dataset().prompts_of("train")
SAMPLING = Sampling(max_tokens=9, temperature=0.8, seed=11)


@contextmanager
def sampling_server(folder: Path | None = None, *, seed: int = 5) -> Iterator[Served]:
    """`accord serve tiny --take-weights`, whose weights are at first those of another seed."""
    with serving(Worker(load("tiny", seed=seed), slots=8, weights=START), weights=WeightStore(folder)) as served:
        yield served


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_TOKEN", TOKEN)


def ids_of(policy: CausalModel) -> list[tuple[int, ...]]:
    return [tuple(policy.encode_prompt(prompt)) for prompt in PROMPTS[:3]]


def same_samples(one: Sequence[Sequence[Sample]], other: Sequence[Sequence[Sample]], *, apart: float) -> None:
    """The same tokens and ends, with log-probabilities so far apart at most."""
    for ours, theirs in zip(one, other, strict=True):
        assert [each.token_ids for each in ours] == [each.token_ids for each in theirs]
        assert [each.finish_reason for each in ours] == [each.finish_reason for each in theirs]
        for first, second in zip(ours, theirs, strict=True):
            assert first.logprobs == pytest.approx(second.logprobs, abs=apart)


@pytest.mark.parametrize("form", [{}, {"temperature": 1.0, "stop": ("e", "the ")}, {"max_tokens": 1}], ids=str)
def test_a_server_draws_what_the_policy_itself_draws(form: dict[str, Any]) -> None:
    policy, sampling = load("tiny", seed=2), SAMPLING.model_copy(update=form)
    here = LocalSampler(policy).sample(ids_of(policy), 4, sampling)
    with sampling_server() as served:
        sampler = ServerSampler(SamplerServer(url=served.url), policy)
        assert isinstance(sampler, Sampler)
        there = sampler.sample(ids_of(policy), 4, sampling)
        assert sampler.handed_over is not None
        assert sampler.handed_over.size > 100_000
        again = sampler.sample(ids_of(policy), 4, sampling)
        assert sampler.handed_over is None  # nothing had moved
    same_samples(here, there, apart=1e-5)
    same_samples(there, again, apart=2e-6)  # rounded by what is beside them when they come


def test_adapters_are_merged_into_what_is_handed_over() -> None:
    policy = add_lora(load("tiny", seed=2), LoRA(rank=2), seed=1)
    with torch.no_grad():
        for weight in policy.trainable():
            weight.add_(0.05)
    here = LocalSampler(policy).sample(ids_of(policy), 2, SAMPLING)
    with sampling_server() as served:
        there = ServerSampler(SamplerServer(url=served.url), policy).sample(ids_of(policy), 2, SAMPLING)
    assert [each.token_ids for group in here for each in group] == [each.token_ids for group in there for each in group]


@pytest.mark.slow
def test_the_example_learns_from_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(__file__).parents[2] / "examples/sampler.toml"
    settings = recipe.load(file, {"data.ledger": f'"{tmp_path / "feedback.db"}"'})
    with sampling_server() as served:
        monkeypatch.setenv("ACCORD_SAMPLER_URL", served.url)
        with start_run(settings, tmp_path / "run", resume=False) as run:
            drive(settings, run, ProgressDisplay(quiet=True), only=("data", "sft", "eval_reward", "reward", "policy"))
            rows = list(METRICS.read(run, "policy"))
    assert len(rows) == 4
    for row in rows:
        assert row.hand_over_bytes
        assert row.sampler_kl is not None
        assert row.sampler_kl < 1e-6


FORM: dict[str, Any] = {
    "base": "tiny",
    "dtype": "float32",
    "max_steps": 3,
    "save_every": 9,
    "prompts_per_step": 2,
    "group_size": 4,
    "sampling": Sampling(max_tokens=8),
    "optim": Optim(lr=1e-2, warmup_steps=0),
}


def trained(settings: Any, run: RunDirectory) -> list[Any]:
    return [step.metrics for step in settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge()), run)]


@pytest.mark.parametrize("kind", [GRPO, PPO])
def test_a_run_learns_from_a_server_what_it_learns_from_itself(kind: Any, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "here") as here:
        own = trained(kind(**FORM, importance_weights="token"), here)
        rows = list(SAMPLES.read(here, "policy"))
    with sampling_server(tmp_path) as served, RunDirectory.create(tmp_path / "there") as there:
        server = SamplerServer(url=served.url, hand_over="file", folder=str(tmp_path))
        other = trained(kind(**FORM, sampler=server), there)
        assert [row.token_ids for row in SAMPLES.read(there, "policy")] == [row.token_ids for row in rows]
        assert list(METRICS.read(there, "policy")) == other
    for mine, theirs in zip(own, other, strict=True):
        assert theirs.policy_loss == pytest.approx(mine.policy_loss, abs=1e-5)
        assert theirs.kl == pytest.approx(mine.kl, abs=1e-4)
        assert theirs.importance_ratio == pytest.approx(1, abs=1e-3)
        assert theirs.importance_truncated == 0
        assert theirs.sampler_logprob_diff < 1e-4
        assert theirs.hand_over_bytes > 100_000
        assert theirs.hand_over_seconds >= 0


def test_a_server_that_goes_away_and_comes_back_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of four are kept, and the others are those of a run that was never interrupted."""
    form = FORM | {"max_steps": 4}
    with RunDirectory.create(tmp_path / "whole") as whole:
        wanted = trained(RLOO(**form, importance_weights="token"), whole)
    with sampling_server() as served, RunDirectory.create(tmp_path / "run") as run:
        monkeypatch.setenv("ACCORD_SAMPLER_URL", served.url)
        settings = RLOO(**form, sampler=SamplerServer(retries=0))
        steps = settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge()), run)
        found = [next(steps).metrics, next(steps).metrics]
        served.worker.stop()
        with pytest.raises(EndpointError, match=r"/v1/.*the engine has stopped"):
            next(steps)
    with sampling_server(seed=9) as served, RunDirectory.open(tmp_path / "run") as run:
        monkeypatch.setenv("ACCORD_SAMPLER_URL", served.url)
        found += trained(settings, run)
    assert [each.step for each in found] == [1, 2, 3, 4]
    for mine, theirs in zip(wanted, found, strict=True):
        assert theirs.reward == pytest.approx(mine.reward, abs=1e-6)
        assert theirs.policy_loss == pytest.approx(mine.policy_loss, abs=1e-5)


def test_weights_that_somebody_else_handed_over_are_noticed(tmp_path: Path) -> None:
    policy = load("tiny", seed=2)
    with sampling_server() as served:
        sampler = ServerSampler(SamplerServer(url=served.url), policy)
        put = sampler.api.put_weights

        def and_another(causal: CausalModel, name: str) -> int:
            size = put(causal, name)
            write_weights(load("tiny", seed=7), tmp_path / "other.safetensors")
            sampler.api.endpoint.put_file("/weights/another", tmp_path / "other.safetensors")
            return size

        sampler.api.put_weights = and_another  # type: ignore[method-assign]
        with pytest.raises(EndpointError, match=r"the weights 'another' answer where .* does another run use"):
            sampler.sample(ids_of(policy), 2, SAMPLING)


def test_what_a_server_does_not_take(tmp_path: Path) -> None:
    """A file that is none, of another model, from elsewhere, under a name that is none, without the token."""
    shared, secret = tmp_path / "shared", tmp_path / "secret.safetensors"
    shared.mkdir()
    (shared / "text").write_text("no weights")
    write_weights(load("tiny", seed=1), secret)
    wide = load("tiny", seed=0)
    wide.model.model.embed_tokens.weight.data = torch.zeros(5, 32)
    write_weights(wide, shared / "wide.safetensors")
    with sampling_server(shared) as served:
        for body, status, reason in (
            ({"path": "text", "weights": "a"}, 400, "the weights cannot be read"),
            ({"path": "wide.safetensors", "weights": "a"}, 400, "of another model: .* is \\[5, 32\\], here"),
            ({"path": "../secret.safetensors", "weights": "a"}, 403, "outside"),
            ({"path": "nothing", "weights": "a"}, 404, "there is no file"),
            ({"path": "text", "weights": "a b"}, 400, "weights: "),
            ({"path": "text"}, 400, "weights: "),
        ):
            answered, answer = served.post("/v1/weights", body)
            assert answered == status, answer
            assert re.search(reason, answer["error"]["message"]), answer
        assert served.post("/v1/weights", {"path": "text", "weights": "a"}, authorization="Bearer no")[0] == 401
        assert served.get("/v1/weights")[1]["weights"] == START
    with serving(Worker(load("tiny"), slots=2)) as served:
        assert served.get("/v1/weights")[0] == 404
        sampler = ServerSampler(SamplerServer(url=served.url, retries=0), load("tiny"))
        with pytest.raises(EndpointError, match="start accord serve with --take-weights"):
            sampler.sample([(1, 2)], 1, SAMPLING)


def test_weights_in_a_file_are_the_models_and_whole(tmp_path: Path) -> None:
    one, other = load("tiny", seed=1), load("tiny", seed=2)
    write_weights(one, tmp_path / "weights.safetensors")
    replace_weights(other, tmp_path / "weights.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))
    ids = [[1, 2, 3]]
    assert LocalSampler(one).sample(ids, 3, SAMPLING) == LocalSampler(other).sample(ids, 3, SAMPLING)


def good(body: dict[str, Any]) -> dict[str, Any]:
    """An answer in which nothing is wrong."""
    n = body["n"]
    choices = [
        {
            "index": index,
            "text": "",
            "token_ids": [65, 66],
            "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0]},
            "finish_reason": "length",
        }
        for index in range(n)
    ]
    return {"model": body["model"], "choices": choices}


def changed(change: Callable[[dict[str, Any]], Any]) -> Answers:
    def answers(body: dict[str, Any]) -> Any:
        answer = good(body)
        change(answer)
        return 200, json.dumps(answer)

    return answers


def of_first(**fields: Any) -> Answers:
    return changed(lambda answer: answer["choices"][0].update(fields))


def logprobs(*values: Any) -> Answers:
    return of_first(logprobs={"tokens": ["a", "b"], "token_logprobs": list(values)})


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (changed(lambda answer: answer["choices"].pop()), "gave 1 completions where 2 were asked for"),
        (changed(lambda answer: answer.pop("choices")), "its answer has no choices"),
        (changed(lambda answer: answer.update(model="other")), "'other' answers where 'talker' was asked"),
        (of_first(index=1), "not numbered from 0 on"),
        (of_first(token_ids=None), "returns no token ids"),
        (of_first(token_ids=["a", "b"]), "no token ids where they belong"),
        (of_first(token_ids=[65, 100000]), "token id 100000 is outside of the policy's vocabulary of 258"),
        (of_first(token_ids=[65, -1]), "token id -1 is outside"),
        (of_first(token_ids=[65, 66, 67]), "wrote 3 tokens where max_tokens is 2"),
        (of_first(token_ids=[257, 65]), "goes on behind the token that ends a text"),
        (of_first(token_ids=[65], logprobs={"token_logprobs": [-1.0]}), "ended .'length'. without an end token"),
        (of_first(logprobs=None), "returns no log-probabilities"),
        (logprobs(-1.0), "1 log-probabilities of 2 tokens"),
        (logprobs(-1.0, None), "has the log-probability None"),
        (logprobs(-1.0, float("-inf")), "has the log-probability -inf"),
        (logprobs(-1.0, float("nan")), "has the log-probability nan"),
        (logprobs(-1.0, -9999.0), "has the log-probability -9999"),
        (logprobs(-1.0, 0.5), "has the log-probability 0.5"),
        (lambda body: (200, json.dumps(good(body))[:40]), "no answer that can be read"),
        (lambda body: (200, ""), "its answer has no choices"),
        (lambda body: (503, "busy"), "answers 503 .busy"),
        (lambda body: (429, json.dumps({"error": {"message": "slowly"}})), "answers 429 .slowly"),
        (lambda body: (401, json.dumps({"error": {"message": "no key"}})), "answers 401 .no key"),
        (lambda body: SILENCE, "timed out|Timeout"),
        (lambda body: (200, json.dumps(good(body))), "nats a token from the trainer's, above max_logprob_diff"),
    ],
)
def test_what_is_wrong_with_an_answer_is_one_line(answers: Answers, reason: str) -> None:
    with talking(answers) as (url, bodies):
        sampler = ServerSampler(SamplerServer(url=url, timeout=0.3, retries=1), load("tiny"))
        sampler.api.weights = lambda: None  # type: ignore[method-assign]
        sampler.api.put_weights = lambda causal, name: 0  # type: ignore[method-assign]
        with pytest.raises(EndpointError, match=reason) as raised:
            sampler.sample([(65, 66)], 2, Sampling(max_tokens=2, seed=1))
    assert "\n" not in str(raised.value)
    assert url in str(raised.value)
    assert len(bodies) == (2 if "503" in reason or "429" in reason or "timed" in reason else 1)


def test_log_probabilities_of_another_temperature_are_told_apart() -> None:
    """As vLLM gives them unless it is told otherwise."""
    policy = load("tiny", seed=2)

    with sampling_server() as served:
        sampler = ServerSampler(SamplerServer(url=served.url), policy)
        ask = sampler.api.ask

        def at_one(prompt: Any, number: int, sampling: Sampling, asked: Any) -> Any:
            drawn = ask(prompt, number, sampling, asked)
            told = []
            for each in drawn:
                (batch,) = pack(policy, [TokenizedCompletion(tuple(prompt), tuple(each.token_ids), 0)])
                with torch.no_grad():
                    tokens = token_logprobs(policy, batch, batch.hidden(policy), temperature=1.0, entropy=False)
                told.append(each._replace(logprobs=tokens.logprob_N.tolist()))
            return told

        sampler.api.ask = at_one  # type: ignore[method-assign]
        with pytest.raises(EndpointError, match=r"are those at temperature 1, and texts are drawn at 0\.4"):
            sampler.sample(ids_of(policy), 4, SAMPLING.model_copy(update={"temperature": 0.4}))


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"url": "localhost:8000"}, "is no address of a server"),
        ({"url": "http://me:secret@host"}, "leave user and password out"),
        ({"url": "http://host", "hand_over": "lora"}, 'none of the ways of "accord"; take "upload" or "file"'),
        ({"url": "http://host", "server": "vllm"}, "name a folder that both see"),
        ({"url": "http://host", "folder": "weights"}, "folder is for weights that are read from files"),
    ],
)
def test_settings_that_cannot_be(form: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SamplerServer(**form)


def test_only_the_policys_own_samples_are_drawn_elsewhere() -> None:
    server = SamplerServer(url="http://host")
    with pytest.raises(ValidationError, match="these are the start's"):
        PRO(sampler=server)
    assert PRO(sampler=server, source="policy").sampler == server
    assert REINFORCE(sampler=server).weighs == "token"
    assert REINFORCE(sampler=server, importance_weights="none").weighs == "none"
    assert "sampler" not in REINFORCE().model_dump()
