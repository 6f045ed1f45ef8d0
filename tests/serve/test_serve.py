"""The endpoint, driven by the `openai` client over a real socket; the model is tiny."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
import torch
from running_server import MESSAGES, TOKEN, Gate, Served, serving

from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.records import Message, Prompt
from accord.serve import Worker
from accord.serve.app import MAX_BODY
from accord.serve.detokenizer import token_text


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(Worker(load("tiny", seed=1), slots=8)) as found:
        yield found


def pieces(stream: Any, n: int) -> tuple[list[str], list[str | None], list[list[Any]], Any]:
    """What a stream of chunks says: the texts, why they ended, log-probabilities, the counts."""
    texts, ends = [""] * n, [None] * n
    logprobs: list[list[Any]] = [[] for _ in range(n)]
    usage = None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            assert ends[choice.index] is None
            texts[choice.index] += choice.delta.content or ""
            ends[choice.index] = choice.finish_reason
            logprobs[choice.index] += (choice.logprobs and choice.logprobs.content) or []
    return texts, ends, logprobs, usage


def test_the_model_is_listed(served: Served) -> None:
    assert [each.id for each in served.client.models.list()] == ["tiny"]


def test_a_chat_and_its_counts(served: Served) -> None:
    made = served.client.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=12, seed=3)
    prompt = served.worker.causal.encode_prompt(Prompt(messages=(Message(role="user", content="Say something."),)))
    assert made.usage is not None
    assert made.usage.prompt_tokens == len(prompt)
    assert 1 <= made.usage.completion_tokens <= 12
    assert made.choices[0].finish_reason in ("stop", "length")
    assert made.choices[0].message.role == "assistant"


def test_an_answer_can_be_sent_back_as_it_came(served: Served) -> None:
    chat: Any = served.client.chat.completions
    first = chat.create(model="tiny", messages=MESSAGES, max_tokens=4).choices[0].message
    turns = [
        *MESSAGES,
        first,
        {"role": "user", "content": [{"type": "text", "text": "And "}, {"type": "text", "text": "?"}]},
    ]
    turns_as_text = [*MESSAGES, {"role": "assistant", "content": first.content}, {"role": "user", "content": "And ?"}]
    assert (
        chat.create(model="tiny", messages=turns, max_tokens=4, seed=0).choices[0].message.content
        == chat.create(model="tiny", messages=turns_as_text, max_tokens=4, seed=0).choices[0].message.content
    )


def test_a_prompt_counts_once_for_its_texts_and_each_prompt_counts(served: Served) -> None:
    made = served.client.completions.create(model="tiny", prompt=[[1, 2, 3], [4, 5]], n=3, max_tokens=2)
    assert made.usage is not None
    assert made.usage.prompt_tokens == 5
    assert len(made.choices) == 6


def test_greedy_text_is_that_of_plain_transformers(served: Served) -> None:
    causal = served.worker.causal
    prompt = [5, 6, 7, 8]
    made = served.client.completions.create(model="tiny", prompt=prompt, max_tokens=10, temperature=0)
    ids = torch.tensor([prompt])
    wanted = causal.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)
    assert made.choices[0].text == causal.tokenizer.decode(wanted[0, 4:], skip_special_tokens=True)


@pytest.mark.parametrize("stop", [None, ["e", "zz"]])
def test_a_stream_is_the_answer_in_pieces(served: Served, stop: Any) -> None:
    asked: Any = {"model": "tiny", "messages": MESSAGES, "max_tokens": 40, "seed": 5, "n": 2, "stop": stop}
    asked |= {"logprobs": True, "top_logprobs": 2}
    whole = served.client.chat.completions.create(**asked)
    stream = served.client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    texts, ends, logprobs, usage = pieces(stream, 2)
    assert texts == [choice.message.content for choice in whole.choices]
    assert ends == [choice.finish_reason for choice in whole.choices]
    assert logprobs == [choice.logprobs.content for choice in whole.choices]
    assert usage == whole.usage


def test_a_stop_string_cuts_the_text_and_its_tokens(served: Served) -> None:
    """Temperature 0 gives the same text each time, so a string out of its middle is known to appear."""
    asked: Any = {"model": "tiny", "prompt": "abc", "max_tokens": 30, "temperature": 0, "logprobs": 0}
    free = served.client.completions.create(**asked).choices[0]
    stop = free.text[4:6]
    cut = served.client.completions.create(**asked, stop=stop).choices[0]
    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.finish_reason == "stop"
    assert cut.logprobs.text_offset == [at for at in free.logprobs.text_offset if at < len(cut.text)]
    streamed = "".join(
        chunk.choices[0].text for chunk in served.client.completions.create(**asked, stop=[stop], stream=True)
    )
    assert streamed == cut.text


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
    """Also for tokens that are parts of characters: their spelling says which they are."""
    causal = served.worker.causal
    ids_of = {token_text(causal.tokenizer, each): each for each in range(causal.vocabulary)}
    assert len(ids_of) == causal.vocabulary
    prompts = ([9, 8, 7], [4])
    made = served.client.completions.create(
        model="tiny", prompt=prompts, max_tokens=20, logprobs=3, seed=0, temperature=0.7
    )
    for prompt, choice in zip(prompts, made.choices, strict=True):
        found: Any = choice.logprobs
        ids = [ids_of[token] for token in found.tokens]
        assert ids
        wanted = completion_logprobs(causal, [prompt], [ids], temperature=0.7)[0]
        torch.testing.assert_close(torch.tensor(found.token_logprobs), wanted, atol=1e-4, rtol=0)
        for logprob, top in zip(found.token_logprobs, found.top_logprobs, strict=True):
            assert len(top) == 3
            assert max(top.values()) >= logprob - 1e-6


def test_the_bytes_of_a_chats_tokens_are_its_text(served: Served) -> None:
    made = served.client.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=30, seed=2, logprobs=True, top_logprobs=2
    )
    choice: Any = made.choices[0]
    assert all(len(each.top_logprobs) == 2 for each in choice.logprobs.content)
    written = b"".join(bytes(each.bytes) for each in choice.logprobs.content if "<|" not in each.token)
    assert written.decode(errors="replace") == choice.message.content


def test_concurrent_requests_share_the_batch(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step waits until all eight have come; from there on they go together."""
    worker, step = served.worker, served.worker.engine.step
    submitted: list[Any] = []
    submit, pause = worker.engine.submit, threading.Event()

    def counted(request: Any) -> None:
        submitted.append(request)
        submit(request)

    def late() -> Any:
        for _ in range(2000):
            if len(submitted) + len(worker._inbox) >= 8:
                break
            pause.wait(0.005)
        return step()

    monkeypatch.setattr(worker.engine, "submit", counted)
    monkeypatch.setattr(worker.engine, "step", late)
    before = worker.engine.steps
    with ThreadPoolExecutor(8) as pool:
        asked: Any = [{"model": "tiny", "prompt": "x", "max_tokens": 20, "seed": seed} for seed in range(8)]
        made = list(pool.map(lambda each: served.client.completions.create(**each), asked))
    assert sum(each.usage.completion_tokens for each in made if each.usage) > 80
    assert worker.engine.steps - before <= 22


def test_who_shows_no_token_gets_nothing(served: Served) -> None:
    for shown in ("Bearer wrong", TOKEN, "", "Bearer \xe9"):
        status, body = served.post("/v1/completions", {"model": "tiny", "prompt": "x"}, authorization=shown)
        assert (status, body["error"]["type"]) == (401, "authentication_error")
    assert served.get("/v1/models", authorization="Bearer wrong")[0] == 401
    assert served.get("/health", authorization="")[0] == 200
    with (
        pytest.raises(openai.AuthenticationError),
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="wrong", max_retries=0) as client,
    ):
        client.models.list()


def test_without_a_token_only_this_machine_is_served() -> None:
    asked = {"model": "tiny", "prompt": "x", "max_tokens": 1}
    with serving(Worker(load("tiny"), slots=2), token=None) as served:
        assert served.post("/v1/completions", asked, authorization="")[0] == 200
        assert served.post("/v1/completions", asked, host=f"localhost:{served.port}")[0] == 200
        assert served.post("/v1/completions", asked, host="elsewhere.example")[0] == 403
        assert served.post("/v1/completions", asked, origin="https://elsewhere.example")[0] == 403
        assert served.post("/v1/completions", asked, origin="http://localhost:3000")[0] == 200


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("chat/completions", {"messages": []}, "messages"),
        ("chat/completions", {"messages": [{"role": "user"}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": "nobody", "content": "x"}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": [], "content": "x"}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": "user", "content": ["x"]}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x", "name": "Ann"}]}, "messages.0"),
        (
            "chat/completions",
            {"messages": [*MESSAGES, {"role": "user", "content": "x", "tool_calls": []}]},
            "messages.1",
        ),
        ("chat/completions", {"messages": [{"role": "user", "content": "x" * 600}]}, "messages"),
        ("chat/completions", {"tools": []}, "tools"),
        ("chat/completions", {"prompt": "x"}, "prompt"),
        ("chat/completions", {"top_logprobs": 2}, "top_logprobs"),
        ("chat/completions", {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ("chat/completions", {"logprobs": 1}, "logprobs"),
        ("chat/completions", {"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens"),
        ("chat/completions", {"max_completion_tokens": 600}, "max_completion_tokens"),
        ("chat/completions", {"response_format": {"type": "json_object"}}, "response_format.type"),
        ("completions", {"echo": 1}, "echo"),
        ("completions", {"echo": True, "max_tokens": 600}, "max_tokens"),
        ("completions", {"echo": True, "max_tokens": -1}, "max_tokens"),
        ("completions", {"temperature": 3}, "temperature"),
        ("completions", {"temperature": -0.1}, "temperature"),
        ("completions", {"temperature": "1"}, "temperature"),
        ("completions", {"top_p": 0}, "top_p"),
        ("completions", {"top_k": 5}, "top_k"),
        ("completions", {"n": 0}, "n"),
        ("completions", {"n": 129}, "n"),
        ("completions", {"n": 1.5}, "n"),
        ("completions", {"seed": "7"}, "seed"),
        ("completions", {"max_tokens": 0}, "max_tokens"),
        ("completions", {"max_tokens": True}, "max_tokens"),
        ("completions", {"max_tokens": 600}, "max_tokens"),
        ("completions", {"prompt": ""}, "prompt"),
        ("completions", {"prompt": []}, "prompt"),
        ("completions", {"prompt": [[]]}, "prompt"),
        ("completions", {"prompt": ["x", [1]]}, "prompt"),
        ("completions", {"prompt": None}, "prompt"),
        ("completions", {"prompt": "x" * 600}, "prompt"),
        ("completions", {"prompt": [300]}, "prompt"),
        ("completions", {"prompt": ["x"] * 1000, "n": 2}, "prompt"),
        ("completions", {"stop": ["a"] * 17}, "stop"),
        ("completions", {"stop": [""]}, "stop.0"),
        ("completions", {"logprobs": 21}, "logprobs"),
        ("completions", {"stream": "yes"}, "stream"),
        ("completions", {"stream_options": {"include_usage": True}}, "stream_options"),
        ("completions", {"stream": True, "stream_options": {"other": 1}}, "stream_options.other"),
        ("completions", {"presence_penalty": 0.5}, "presence_penalty"),
        ("completions", {"frequency_penalty": 0.5}, "frequency_penalty"),
        ("completions", {"logit_bias": {"1": 5}}, "logit_bias"),
        ("completions", {"best_of": 3}, "best_of"),
        ("completions", {"suffix": "x"}, "suffix"),
        ("completions", {"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_field_that_cannot_be_served_is_named(served: Served, path: str, change: Any, field: str) -> None:
    base: Any = {"messages": MESSAGES} if path.startswith("chat") else {"prompt": "x"}
    status, body = served.post(f"/v1/{path}", {"model": "tiny", **base, **change})
    assert status == 400, body
    assert body["error"]["param"] == field
    assert body["error"]["type"] == "invalid_request_error"


def test_what_has_no_effect_may_be_given(served: Served) -> None:
    idle: Any = {"user": "ann", "metadata": {"a": "b"}, "store": False, "presence_penalty": 0, "frequency_penalty": 0.0}
    idle |= {"stop": None, "n": None, "temperature": None, "top_p": None, "seed": None, "logit_bias": None}
    status, body = served.post("/v1/completions", {"model": "tiny", "prompt": "x", "max_tokens": 1, **idle})
    assert status == 200, body


def first_line(served: Served, sent: bytes) -> bytes:
    """The first line of the answer to raw bytes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(sent)
        return connection.makefile("rb").readline()


def test_other_wrong_requests(served: Served) -> None:
    assert served.post("/v1/completions", {"model": "other", "prompt": "x"})[0] == 404
    assert served.post("/v1/completions", b"not json")[0] == 400
    assert served.post("/v1/completions", b"[]")[0] == 400
    assert served.post("/v1/completions", b"\xff\xfe")[0] == 400
    assert served.post("/v1/completions", b'{"model": "tiny", "prompt": "\\ud800"}')[0] == 400
    assert served.post("/v1/nothing", {})[0] == 404
    announced = served.head("/v1/completions", f"Content-Length: {MAX_BODY + 1}")
    assert b" 413 " in first_line(served, announced)
    chunk = b"%x\r\n%s\r\n" % (MAX_BODY + 1, b" " * (MAX_BODY + 1))
    assert b" 413 " in first_line(served, served.head("/v1/completions", "Transfer-Encoding: chunked") + chunk)
    assert served.client.completions.create(model="tiny", prompt="still there", max_tokens=2).choices


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_cancels_its_requests(
    served: Served, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(served.worker, monkeypatch)
    with served.connection({"prompt": "abc", "max_tokens": 450, "n": 2, "stream": stream, "seed": 0}) as connection:
        assert gate.reached.wait(60)
        gate.open(2)
        if stream:
            assert b" 200 " in connection.makefile("rb").readline()
    allowed = 2
    while not gate.let_go.wait(0.02):
        gate.open()
        allowed += 1
        assert allowed < 450, "the client has gone, and its requests were written to the end"
    gate.open(1000)
    assert served.client.completions.create(model="tiny", prompt="still there", max_tokens=2).choices
    assert len(set(gate.cancelled)) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_of_the_engine_is_told_and_logged(
    served: Served, stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Any:
        raise RuntimeError("out of memory in /somewhere/secret.py")

    asked: Any = {"model": "tiny", "prompt": "x", "stream": stream}
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "accord"):
        patch.setattr(served.worker.engine, "step", fail)
        with pytest.raises(openai.APIError, match="the server failed") as told:
            list(served.client.completions.create(**asked))
    assert "secret" not in str(told.value)
    assert "out of memory" in caplog.text
    assert served.client.completions.create(model="tiny", prompt="still there", max_tokens=2).choices


def test_what_the_model_lacks_is_said_without_a_path(tmp_path: Path) -> None:
    from accord.cli.serving import open_model
    from accord.lm.settings import ModelSettings

    plain = load("tiny")
    plain.tokenizer.chat_template = None
    plain.save(tmp_path / "plain")
    causal = open_model(str(tmp_path / "plain"), "policy", ModelSettings(dtype="float32"))
    with serving(Worker(causal, slots=2), "plain") as served:
        status, body = served.post("/v1/chat/completions", {"model": "plain", "messages": MESSAGES})
        assert status == 400
        assert "no chat template" in body["error"]["message"]
        assert str(tmp_path) not in json.dumps(body)
        causal.tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
        status, body = served.post("/v1/chat/completions", {"model": "plain", "messages": MESSAGES})
        assert status == 400
        assert "roles must alternate" in body["error"]["message"]


def test_a_model_whose_numbers_are_broken_is_the_servers_fault() -> None:
    broken = replace(load("tiny"), name="broken")
    with torch.no_grad():
        broken.model.get_input_embeddings().weight.fill_(float("nan"))
    with serving(Worker(broken, slots=2), "broken") as served:
        status, body = served.post("/v1/completions", {"model": "broken", "prompt": "x"})
        assert (status, body["error"]["type"]) == (500, "server_error")
        assert "not finite" in body["error"]["message"]


@pytest.mark.parametrize("host", ["[::1", "localhost:x", "localhost:99999", "u@localhost", "local host", "h\u00f6st"])
def test_what_names_no_host_is_a_bad_request(host: str) -> None:
    with serving(Worker(load("tiny", seed=1), slots=1), token=None) as served:
        for headers in ({"host": host}, {"origin": f"http://{host}"}):
            assert served.get("/v1/models", **headers)[0] == 400


def test_the_coldest_and_the_hottest_are_served_together(served: Served) -> None:
    asked: Any = {"model": "tiny", "prompt": "abc", "max_tokens": 8}
    greedy = served.client.completions.create(**asked, temperature=0).choices[0].text
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda t: served.client.completions.create(**asked, temperature=t), (1e-40, 2.0, 1e-40, 1.0))
    texts = [each.choices[0].text for each in made]
    assert texts[0] == texts[2] == greedy


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("completions", {"prompt": "x" * 900_000}, "prompt"),
        ("completions", {"prompt": ["x", "y" * 900_000]}, "prompt"),
        ("completions", {"prompt": [[5] * 300_000]}, "prompt"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x" * 900_000}]}, "messages"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x" * 3}] * 9000}, "messages"),
        ("completions", {"prompt": "x", "stop": "x" * 900_000}, "stop.0"),
        ("completions", {"prompt": ["x"] * 100, "n": 10, "max_tokens": 400, "logprobs": 20}, "n"),
        ("completions", {"prompt": ["x" * 10_000] * 20}, "prompt"),
    ],
)
def test_what_is_too_much_is_refused_unread(
    served: Served, path: str, body: Any, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = served.worker.causal.context * 32
    calls = []
    encode = type(served.worker.causal.tokenizer)._encode_plus
    monkeypatch.setattr(
        type(served.worker.causal.tokenizer),
        "_encode_plus",
        lambda self, text, *rest, **more: (calls.append(len(text)), encode(self, text, *rest, **more))[1],
    )
    status, told = served.post(f"/v1/{path}", {"model": "tiny", **body})
    assert (status, told["error"]["param"]) == (400, field), told
    assert max(calls, default=0) <= most


def test_work_on_requests_is_not_done_where_everybody_is_served(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a long prompt and writing many log-probabilities have threads of their own."""
    seen = set()
    encode, decode = (getattr(type(served.worker.causal.tokenizer), name) for name in ("_encode_plus", "_decode"))

    def noting(function: Any) -> Any:
        def noted(*arguments: Any, **more: Any) -> Any:
            seen.add((function.__name__, threading.current_thread().name.partition("_")[0]))
            return function(*arguments, **more)

        return noted

    monkeypatch.setattr(type(served.worker.causal.tokenizer), "_encode_plus", noting(encode))
    monkeypatch.setattr(type(served.worker.causal.tokenizer), "_decode", noting(decode))
    asked: Any = {"model": "tiny", "prompt": "x" * 100, "max_tokens": 5, "n": 64, "logprobs": 20, "stop": ["\x00"]}
    assert len(served.client.completions.create(**asked).choices) == 64
    assert list(served.client.completions.create(**asked, stream=True))
    assert seen == {
        ("_encode_plus", "accord-reading"), ("_decode", "accord-telling"), ("_decode", "accord-engine"),
    }  # fmt: skip
