"""The endpoint, driven by the `openai` client over a real socket; the model is tiny."""

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import openai
import pytest
import torch
import uvicorn

from accord.errors import ModelError
from accord.lm.causal import load
from accord.lm.engine import Request
from accord.lm.score import completion_logprobs
from accord.lm.tiny import tiny_tokenizer
from accord.records import Message, Prompt, Sampling
from accord.serve import Worker, make_app
from accord.serve.app import MAX_BODY
from accord.serve.text import GrowingText

TOKEN = "a token for the tests"
LEGIBLE = 6  # a seed whose tokens are whole characters, so that they can be told by their text
MESSAGES: Any = [{"role": "user", "content": "Say something."}]


class Served:
    """A running server and its clients."""

    def __init__(self, worker: Worker, port: int) -> None:
        self.worker = worker
        self.url = f"http://127.0.0.1:{port}"
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=TOKEN, max_retries=0, timeout=60)

    def post(self, path: str, body: Any, *, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    worker = Worker(load("tiny", seed=1), slots=8)
    server = uvicorn.Server(uvicorn.Config(make_app(worker, "tiny", token=TOKEN), log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    found = Served(worker, listening.getsockname()[1])
    with urllib.request.urlopen(f"{found.url}/health", timeout=60) as response:  # waits in the socket's queue
        assert response.status == 200
    yield found
    found.client.close()
    server.should_exit = True
    thread.join()
    listening.close()


def test_the_model_is_listed(served: Served) -> None:
    assert [each.id for each in served.client.models.list()] == ["tiny"]


def test_a_chat_and_its_counts(served: Served) -> None:
    made = served.client.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=12, seed=3)
    causal = served.worker.causal
    prompt = causal.encode_prompt(Prompt(messages=(Message(role="user", content="Say something."),)))
    assert made.usage is not None
    assert made.usage.prompt_tokens == len(prompt)
    assert made.usage.completion_tokens <= 12
    assert made.choices[0].finish_reason in ("stop", "length")
    assert made.choices[0].message.role == "assistant"


def test_greedy_text_is_that_of_plain_transformers(served: Served) -> None:
    causal = served.worker.causal
    prompt = [5, 6, 7, 8]
    made = served.client.completions.create(model="tiny", prompt=prompt, max_tokens=10, temperature=0)
    ids = torch.tensor([prompt])
    wanted = causal.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)
    assert made.choices[0].text == causal.tokenizer.decode(wanted[0, 4:], skip_special_tokens=True)


@pytest.mark.parametrize("stop", [None, ["e", "zz"]])
def test_a_stream_is_the_text_in_pieces(served: Served, stop: Any) -> None:
    asked: Any = {"model": "tiny", "messages": MESSAGES, "max_tokens": 40, "seed": 5, "n": 2, "stop": stop}
    whole = served.client.chat.completions.create(**asked)
    texts, ends = ["", ""], [None, None]
    usage = None
    for chunk in served.client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends[choice.index] = choice.finish_reason or ends[choice.index]
    assert texts == [choice.message.content for choice in whole.choices]
    assert ends == [choice.finish_reason for choice in whole.choices]
    assert usage is not None
    assert whole.usage is not None
    assert usage.completion_tokens == whole.usage.completion_tokens
    if stop:
        assert not any("e" in text for text in texts)


def test_seeds_and_several_answers(served: Served) -> None:
    def ask(seed: int) -> list[str]:
        made = served.client.completions.create(model="tiny", prompt="abc", max_tokens=12, n=3, seed=seed)
        return [choice.text for choice in made.choices]

    assert ask(1) == ask(1)
    assert ask(1) != ask(2)
    assert len(set(ask(1))) == 3
    unseeded = [served.client.completions.create(model="tiny", prompt="abc", max_tokens=12) for _ in range(3)]
    assert len({made.choices[0].text for made in unseeded}) > 1


def test_log_probabilities_are_the_models(served: Served) -> None:
    causal = served.worker.causal
    spelt = {causal.tokenizer.decode([each]): each for each in range(causal.vocabulary)}
    made = served.client.completions.create(
        model="tiny", prompt=[[9, 8, 7], [4]], max_tokens=2, logprobs=3, seed=LEGIBLE, temperature=0.7
    )
    for prompt, choice in zip(([9, 8, 7], [4]), made.choices, strict=True):
        found = choice.logprobs
        assert found is not None
        assert found.token_logprobs is not None
        assert found.tokens is not None
        ids = [spelt[token] for token in found.tokens]
        wanted = completion_logprobs(causal, [prompt], [ids], temperature=0.7)[0]
        torch.testing.assert_close(torch.tensor(found.token_logprobs), wanted, atol=1e-4, rtol=0)
        assert found.top_logprobs is not None
        for logprob, top in zip(found.token_logprobs, found.top_logprobs, strict=True):
            assert max(top.values()) >= logprob - 1e-6
    chat = served.client.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=3, logprobs=True, top_logprobs=2
    )
    assert chat.choices[0].logprobs is not None
    assert all(len(each.top_logprobs) == 2 for each in chat.choices[0].logprobs.content or ())


def test_concurrent_requests_share_the_batch(served: Served) -> None:
    ask = partial(served.client.completions.create, model="tiny")
    before = served.worker.engine.steps
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda seed: ask(prompt="x", max_tokens=60, seed=seed), range(8)))
    written = sum(each.usage.completion_tokens for each in made if each.usage)
    assert served.worker.engine.steps - before < written / 2


def test_who_shows_no_token_gets_nothing(served: Served) -> None:
    status, body = served.post("/v1/completions", {"model": "tiny", "prompt": "x"}, token="wrong")
    assert (status, body["error"]["type"]) == (401, "authentication_error")
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="wrong", max_retries=0).models.list()


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("chat/completions", {"messages": []}, "messages"),
        ("chat/completions", {"messages": [{"role": "user"}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": "nobody", "content": "x"}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x", "tool_calls": []}]}, "messages.0"),
        ("chat/completions", {"tools": []}, "tools"),
        ("chat/completions", {"top_logprobs": 2}, "top_logprobs"),
        ("chat/completions", {"response_format": {"type": "json_object"}}, "response_format.type"),
        ("completions", {"echo": True}, "echo"),
        ("completions", {"temperature": 3}, "temperature"),
        ("completions", {"temperature": "NaN"}, "temperature"),
        ("completions", {"top_p": 0}, "top_p"),
        ("completions", {"n": 0}, "n"),
        ("completions", {"n": 129}, "n"),
        ("completions", {"max_tokens": 0}, "max_tokens"),
        ("completions", {"max_tokens": 600}, "max_tokens"),
        ("completions", {"prompt": ""}, "prompt"),
        ("completions", {"prompt": "x" * 600}, "prompt"),
        ("completions", {"prompt": [300]}, "max_tokens"),
        ("completions", {"stop": ["a"] * 5}, "stop"),
        ("completions", {"stop": [""]}, "stop.0"),
        ("completions", {"presence_penalty": 0.5}, "presence_penalty"),
        ("completions", {"logit_bias": {"1": 5}}, "logit_bias"),
        ("completions", {"best_of": 3}, "best_of"),
        ("completions", {"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_field_that_cannot_be_served_is_named(served: Served, path: str, change: Any, field: str) -> None:
    base: Any = {"messages": MESSAGES} if path.startswith("chat") else {"prompt": "x"}
    status, body = served.post(f"/v1/{path}", {"model": "tiny", **base, **change})
    assert status == 400, body
    assert (body["error"]["param"] or "").startswith(field)
    assert body["error"]["type"] == "invalid_request_error"


def announced(served: Served, size: int) -> bytes:
    """The first line of the answer to a request that says how long its body is going to be."""
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1])), timeout=60) as connection:
        head = ("POST /v1/completions HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}", f"Content-Length: {size}")
        connection.sendall("\r\n".join((*head, "", "")).encode())
        return connection.makefile("rb").readline()


def test_other_wrong_requests(served: Served) -> None:
    assert served.post("/v1/completions", {"model": "other", "prompt": "x"})[0] == 404
    assert served.post("/v1/completions", b"not json")[0] == 400
    assert served.post("/v1/completions", b"\xff\xfe")[0] == 400
    assert b" 413 " in announced(served, MAX_BODY + 1)
    assert served.post("/v1/nothing", {})[0] == 404
    assert served.client.completions.create(model="tiny", prompt="still there", max_tokens=2).choices


def test_a_client_that_leaves_cancels_its_request() -> None:
    worker = Worker(load("tiny", seed=1), slots=2)
    request = Request(None, (1, 2, 3), Sampling(max_tokens=400, seed=0))

    async def leave() -> None:
        tokens = worker.write([request, request])
        await anext(tokens)
        await tokens.aclose()
        async for _ in worker.write([Request(None, (4,), Sampling(max_tokens=1))]):
            pass

    worker.start()
    asyncio.run(leave())
    worker.stop()
    assert not worker.engine.busy


def test_whatever_the_engine_dies_of_reaches_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(load("tiny", seed=1), slots=2)

    def fail() -> Any:
        raise ModelError("its logits are not finite")

    monkeypatch.setattr(worker.engine, "step", fail)

    async def ask() -> None:
        async for _ in worker.write([Request(None, (1,), Sampling(max_tokens=4))]):
            pass

    worker.start()
    with pytest.raises(ModelError, match="not finite"):
        asyncio.run(ask())
    worker.stop()


def test_held_back_text_is_given_in_the_end() -> None:
    """Bytes of a character that is not whole, and letters that could begin a stop string, wait for what follows."""
    tokenizer = tiny_tokenizer()
    ids = tokenizer("naïve stories")["input_ids"]
    plain = GrowingText(tokenizer, ())
    pieces = [plain.add(each, last=place == len(ids) - 1) for place, each in enumerate(ids)]
    assert "".join(pieces) == "naïve stories"
    assert not any("\ufffd" in piece for piece in pieces)
    stopped = GrowingText(tokenizer, ("stop", "ries"))
    pieces = [stopped.add(each, last=False) for each in ids]
    assert "".join(pieces) == "naïve sto"
    held = GrowingText(tokenizer, ("story",))
    assert "".join(held.add(each, last=False) for each in tokenizer("a stor")["input_ids"]) == "a "
