"""`/v1/completions` with `echo`: what a prompt's tokens are worth, held against plain transformers in float32."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from running_server import Gate, Served, serving
from transformers import AutoModelForCausalLM

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.prompt_logprobs import prompt_logprobs
from accord.serve import Worker
from accord.serve.echo import echo_of

TEXTS = ["The film was dull.", "Äpfel – 苹果 & 🍎", "x"]


@pytest.fixture(scope="module")
def causal() -> CausalModel:
    return load("tiny", seed=1, dtype="float32")


@pytest.fixture(scope="module")
def served(causal: CausalModel) -> Iterator[Served]:
    with serving(Worker(causal, slots=8)) as found:
        yield found


@pytest.fixture(scope="module")
def plain(causal: CausalModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("plain")
    causal.save(folder)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def log_softmax(plain: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = plain(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return found


def complete(served: Served, **fields: Any) -> dict[str, Any]:
    status, body = served.post("/v1/completions", {"model": "tiny", "echo": True, "logprobs": 2, **fields})
    assert status == 200, body
    return body


def ids_of(served: Served, text: str) -> list[int]:
    return list(served.worker.causal.tokenizer(text)["input_ids"])


def test_a_prompts_tokens_are_worth_what_plain_transformers_says(served: Served, plain: Any) -> None:
    """A batch of prompts of several lengths, as texts and as ids; nothing is written."""
    for prompts in (TEXTS, [ids_of(served, text) for text in TEXTS]):
        body = complete(served, prompt=prompts, max_tokens=0)
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
        assert body["usage"]["completion_tokens"] == 0
        for choice, text in zip(body["choices"], TEXTS, strict=True):
            ids, told = ids_of(served, text), choice["logprobs"]
            assert (choice["text"], choice["finish_reason"]) == (text, "length")
            assert {len(told[field]) for field in told} == {len(ids)}
            assert told["token_logprobs"][0] is told["top_logprobs"][0] is None
            wanted = log_softmax(plain, ids)[:-1]
            chosen = wanted.gather(1, torch.tensor(ids[1:])[:, None])[:, 0] if len(ids) > 1 else torch.empty(0)
            torch.testing.assert_close(torch.tensor(told["token_logprobs"][1:]), chosen, atol=1e-5, rtol=0)
            likeliest = [sorted(top.values(), reverse=True) for top in told["top_logprobs"][1:]]
            if likeliest:
                torch.testing.assert_close(torch.tensor(likeliest), wanted.topk(2).values, atol=1e-5, rtol=0)


def test_places_are_where_tokens_begin_in_the_text(served: Served) -> None:
    body = complete(served, prompt=TEXTS[:2], max_tokens=6, seed=4)
    for choice, prompt in zip(body["choices"], TEXTS, strict=False):
        told, text = choice["logprobs"], choice["text"]
        assert text.startswith(prompt)
        assert told["text_offset"] == sorted(told["text_offset"])
        read = len(ids_of(served, prompt))
        assert told["text_offset"][read] == len(prompt)
        for token, start in zip(told["tokens"][:read], told["text_offset"], strict=False):
            assert token.startswith("bytes:") or text.startswith(token, start)


def test_the_token_that_ends_a_text_is_told(served: Served, causal: CausalModel) -> None:
    """Whoever leaves out the one token that was asked for leaves out none of the prompt's."""
    forced = torch.zeros(causal.vocabulary)
    forced[causal.eos_id] = 100.0
    head: Any = causal.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda *arguments: arguments[-1] + forced)
    try:
        with serving(Worker(replace(causal, by_hand=False, native=False), slots=2)) as ending:
            body = complete(ending, prompt=[5, 6, 7], max_tokens=1, temperature=0)
    finally:
        handle.remove()
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "stop"
    assert len(choice["logprobs"]["tokens"]) == 4
    assert choice["logprobs"]["text_offset"][-1] == len(choice["text"])


def test_what_is_written_after_it_is_the_same_as_without(served: Served) -> None:
    fields: dict[str, Any] = {"prompt": TEXTS[0], "max_tokens": 8, "seed": 5, "n": 2, "logprobs": 1}
    with_it, without = (complete(served, **{**fields, "echo": echo}) for echo in (True, False))
    read = len(ids_of(served, TEXTS[0]))
    for one, other in zip(with_it["choices"], without["choices"], strict=True):
        assert one["text"] == TEXTS[0] + other["text"]
        size = len(other["logprobs"]["tokens"])
        assert one["logprobs"]["token_logprobs"][read : read + size] == other["logprobs"]["token_logprobs"]
    assert with_it["usage"] == without["usage"]


@pytest.mark.parametrize("limit", [0, 5])
def test_a_stream_is_the_answer_in_pieces(served: Served, limit: int) -> None:
    fields: Any = {"model": "tiny", "prompt": TEXTS[:2], "echo": True, "logprobs": 1, "max_tokens": limit, "seed": 3}
    whole = served.client.completions.create(**fields)
    texts, offsets, ends = ["", ""], [list[int](), list[int]()], ["", ""]
    for chunk in served.client.completions.create(**fields, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            offsets[choice.index] += (choice.logprobs and choice.logprobs.text_offset) or []
            ends[choice.index] = choice.finish_reason or ends[choice.index]
    assert texts == [choice.text for choice in whole.choices]
    assert ends == [choice.finish_reason for choice in whole.choices]
    assert offsets == [choice.logprobs and choice.logprobs.text_offset for choice in whole.choices]


def test_a_prompt_may_fill_the_context_where_nothing_is_written(served: Served, plain: Any) -> None:
    context = served.worker.causal.context
    ids = [5 + place % 100 for place in range(context)]
    told = complete(served, prompt=ids, max_tokens=0)["choices"][0]["logprobs"]
    wanted = log_softmax(plain, ids)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(told["token_logprobs"][1:]), wanted, atol=1e-4, rtol=0)
    for change in ({"max_tokens": 1}, {"prompt": [*ids, 5]}):
        status, body = served.post(
            "/v1/completions", {"model": "tiny", "prompt": ids, "max_tokens": 0, "echo": True, **change}
        )
        assert status == 400, body


def test_many_that_ask_at_once_get_their_own(served: Served) -> None:
    prompts = [[5 + number, *range(20, 20 + number)] for number in range(12)]
    alone = [complete(served, prompt=prompt, max_tokens=1, temperature=0) for prompt in prompts]
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(lambda prompt: complete(served, prompt=prompt, max_tokens=1, temperature=0), prompts))
    for one, other in zip(alone, together, strict=True):
        mine, its = (body["choices"][0]["logprobs"]["token_logprobs"] for body in (one, other))
        torch.testing.assert_close(torch.tensor(mine[1:]), torch.tensor(its[1:]), atol=1e-5, rtol=0)


def test_without_log_probabilities_the_prompt_alone_comes_back(served: Served) -> None:
    (choice,) = complete(served, prompt=TEXTS[1], logprobs=None, max_tokens=0)["choices"]
    assert choice == {"index": 0, "text": TEXTS[1], "logprobs": None, "finish_reason": "length"}


def test_a_model_whose_numbers_are_broken_fails_that_request(causal: CausalModel) -> None:
    broken = load("tiny", seed=1, dtype="float32")
    with torch.no_grad():
        next(iter(broken.model.parameters())).fill_(torch.nan)
    with pytest.raises(ModelError, match="not finite"):
        list(prompt_logprobs(broken, [(5, 6, 7)]))
    with serving(Worker(broken)) as failing:
        status, body = failing.post(
            "/v1/completions", {"model": "tiny", "prompt": "x y", "echo": True, "logprobs": 1, "max_tokens": 0}
        )
        assert (status, "not finite" in body["error"]["message"]) == (500, True)
        assert failing.get("/health")[0] == 200


def test_who_waits_when_the_server_stops_is_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are being written, so that the thread is in a step; the prompt's turn does not come."""
    causal = load("tiny", seed=1)
    worker = Worker(causal, slots=2)
    answers: list[tuple[int, dict[str, Any]]] = []
    with serving(worker) as stopping:
        gate = Gate(worker, monkeypatch)
        writing = {"model": "tiny", "prompt": "x", "max_tokens": 400}
        asked = {"model": "tiny", "prompt": "x y", "echo": True, "logprobs": 1, "max_tokens": 0}
        threads = [
            threading.Thread(target=lambda body=body: answers.append(stopping.post("/v1/completions", body)))
            for body in (writing, asked)
        ]
        threads[0].start()
        assert gate.reached.wait(60)
        threads[1].start()
        while not worker._scorings:
            pass
        worker._stopping = True
        gate.open()
        for thread in threads:
            thread.join(60)
    assert sorted(status for status, _ in answers) == [500, 500]


def test_a_token_that_the_tokenizer_puts_in_front_has_no_text(causal: CausalModel, tmp_path: Path) -> None:
    ids = [causal.eos_id, *causal.tokenizer("ab")["input_ids"]]
    echo = echo_of(causal, "ab", ids, None)
    assert (echo.text, echo.starts) == ("ab", (0, 0, *range(1, len(ids) - 1)))


HARNESS: dict[str, Any] = {"temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}
"""What lm-evaluation-harness 0.4.13 sends beside model and prompt where it asks how likely a text is."""


def test_requests_of_lm_evaluation_harness_are_answered_as_it_reads_them(served: Served, plain: Any) -> None:
    """A batch as it sends one; the sum from the context's length on, without the one token written, as it takes it."""
    asked = [("The sky is", " blue"), ("Water is", " dry as sand"), ("Äpfel sind", " Obst 🍎")]
    prompts = [ids_of(served, context + answer) for context, answer in asked]
    status, body = served.post("/v1/completions", {"model": "tiny", "prompt": prompts, **HARNESS})
    assert status == 200, body
    for choice, (context, _), ids in zip(body["choices"], asked, prompts, strict=True):
        begin = len(ids_of(served, context))
        told = {field: choice["logprobs"][field][begin:-1] for field in ("token_logprobs", "top_logprobs")}
        wanted = log_softmax(plain, ids)[:-1]
        chosen = wanted.gather(1, torch.tensor(ids[1:])[:, None])[begin - 1 :, 0]
        assert sum(told["token_logprobs"]) == pytest.approx(chosen.sum().item(), abs=1e-4)
        greedy = [own == max(top.values()) for own, top in zip(*told.values(), strict=True)]
        assert greedy == (wanted.argmax(1)[begin - 1 :] == torch.tensor(ids[begin:])).tolist()


def test_what_it_asks_to_be_written_is_answered_too(served: Served) -> None:
    fields = {
        "max_tokens": 8,
        "temperature": 0.0,
        "stop": ["\n", "<|endoftext|>", "Q:", "A:", "###", "def "],
        "seed": 1234,
    }
    prompts = [ids_of(served, text) for text in TEXTS]
    status, body = served.post("/v1/completions", {"model": "tiny", "prompt": prompts, **fields})
    assert status == 200, body
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]


def test_requests_of_inspect_are_answered(served: Served) -> None:
    """The fields that inspect_ai 0.3.285 sends by its provider `openai-api`."""
    fields: Any = {"max_tokens": 8, "seed": 3, "temperature": 0.7, "stop": ["\n"], "top_p": 0.9, "n": 2}
    tokens: Any = {"logprobs": True, "top_logprobs": 2}
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What colour is the sky?"}]
    made = served.client.chat.completions.create(model="tiny", messages=messages, **fields, **tokens)
    assert len(made.choices) == 2
