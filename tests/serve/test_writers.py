"""Who writes live candidates: a model in this process, and the same model behind `accord serve`."""

import threading

import pytest
from running_server import TOKEN, serving

from accord.cli.writers import EndpointWriter
from accord.errors import ModelError
from accord.interfaces import Writer
from accord.lm import ModelWriter, load
from accord.records import Prompt, Sampling
from accord.serve import Worker

PROMPTS = [Prompt.ask("Write one sentence."), Prompt.ask("Write another.")]
SAMPLING = Sampling(max_tokens=8, seed=3)


def test_a_model_here_and_behind_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_TOKEN", TOKEN)
    model = load("tiny")
    here = ModelWriter(model)
    made = here.write(PROMPTS, 2, SAMPLING)
    with serving(Worker(load("tiny"), slots=4)) as served:
        for url in (served.url, f"{served.url}/v1", f"{served.url}/"):
            there = EndpointWriter.find(url)
            assert (there.url, there.name) == (f"{served.url}/v1", "tiny")
        written = there.write(PROMPTS, 2, SAMPLING)
        with pytest.raises(ModelError, match="answers 40"):
            there.write(PROMPTS[:1], 1, Sampling(max_tokens=10_000_000))
    assert isinstance(here, Writer)
    assert isinstance(there, Writer)
    for prompt, ours, theirs in zip(PROMPTS, made, written, strict=True):
        assert len(ours) == len(theirs) == 2
        assert {each.prompt for each in (*ours, *theirs)} == {prompt.id}
        assert all(each.sampling == SAMPLING and each.writer == "tiny" for each in (*ours, *theirs))
        assert all(each.token_ids is not None for each in ours)
        assert TOKEN not in repr(there)


def test_a_token_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_TOKEN", "wrong")
    with (
        serving(Worker(load("tiny"), slots=4)) as served,
        pytest.raises(ModelError, match=r"answers 401 .the bearer token is missing or wrong"),
    ):
        EndpointWriter.find(served.url)


def test_several_threads_may_ask() -> None:
    writer = ModelWriter(load("tiny"))
    alone = writer.write(PROMPTS, 2, SAMPLING)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(writer.write(PROMPTS, 2, SAMPLING))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [alone] * 4
