"""A model behind an endpoint: `accord serve`, and servers that answer what they should not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running_server import TOKEN, serving

from accord.errors import ModelError
from accord.interfaces import Writer
from accord.lm import ModelWriter, load
from accord.lm.remote import EndpointWriter
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


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A server that gives these answers in turn, the last of them for ever: its address, and the bodies it was sent."""
    left, sent = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.do_GET()

        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", sent
        finally:
            server.shutdown()
            thread.join()


def said(*texts: str) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}} for text in texts]})


def test_what_fails_for_a_while_is_asked_again() -> None:
    with answering((503, "busy"), (429, "slower"), (200, said("here"))) as (url, sent):
        ((written,),) = EndpointWriter(url, "m").write(PROMPTS[:1], 1, SAMPLING)
        assert written.text == "here"
        assert len(sent) == 3
        assert {body["seed"] for body in sent} == {3}
    with answering((200, said("here"))) as (url, sent):
        EndpointWriter(url, "m").write(PROMPTS[:1], 1, Sampling(top_k=4))
        assert sent[0]["top_k"] == 4
        assert "seed" not in sent[0]


def test_answers_stand_in_the_order_of_the_prompts() -> None:
    prompts = [Prompt.ask(f"{number}") for number in range(20)]
    with answering((200, said("a", "b"))) as (url, sent):
        groups = EndpointWriter(url, "m").write(prompts, 2, SAMPLING)
        assert len(sent) == 20
    assert [[each.prompt for each in group] for group in groups] == [[prompt.id] * 2 for prompt in prompts]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, "<html>broken</html>"), r"/v1/chat/completions: it answers 500 \(<html>broken</html>\)"),
        ((400, '{"error": {"message": "no such model"}}'), r"it answers 400 \(no such model\)"),
        ((403, ""), r"it answers 403 \(no reason given\)"),
        ((200, "{"), "/v1/chat/completions: no answer that can be read"),
        ((200, "[]"), "no message where one belongs"),
        ((200, '{"choices": [{"text": "a"}]}'), "no message where one belongs"),
        ((200, said("one")), "it gave 1 completions where 2 were asked for"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(answer: tuple[int, str], message: str) -> None:
    with answering(answer) as (url, _), pytest.raises(ModelError, match=message):
        EndpointWriter(url, "m", retries=0).write(PROMPTS, 2, SAMPLING)


@pytest.mark.parametrize("listing", ['{"data": []}', '{"data": "tiny"}', "{}", "[]"])
def test_an_endpoint_that_lists_no_model(listing: str) -> None:
    with answering((200, listing)) as (url, _), pytest.raises(ModelError, match="/v1/models: it lists no model"):
        EndpointWriter.find(url)


def test_nobody_there() -> None:
    with answering((200, "{}")) as (url, _):
        pass
    with pytest.raises(ModelError, match=r"/v1/chat/completions: no answer that can be read \(.*refused"):
        EndpointWriter(url, "m", retries=0).write(PROMPTS, 1, SAMPLING)
