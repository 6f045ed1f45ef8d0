"""The thread that owns the engine, and text as it grows."""

import asyncio
import random
from typing import Any

import pytest

from accord.errors import ModelError
from accord.lm.conversation import text_after
from accord.lm.engine import Request
from accord.lm.loading import load
from accord.lm.tiny import tiny_tokenizer
from accord.records import Sampling
from accord.serve import Worker
from accord.serve.detokenizer import IncrementalText, bytes_of, token_text

ONE = Request(None, (1, 2, 3), Sampling(max_tokens=4, seed=0))


async def ask(worker: Worker, *requests: Request) -> int:
    """How many tokens come."""
    return sum([len(tokens) async for tokens in worker.write(requests or [ONE])])


def test_leaving_early_cancels() -> None:
    worker = Worker(load("tiny", seed=1), slots=2)
    long = Request(None, (1, 2, 3), Sampling(max_tokens=400, seed=0))

    async def leave() -> None:
        tokens = worker.write([long, long])
        await anext(tokens)
        await tokens.aclose()
        await ask(worker)

    worker.start()
    asyncio.run(leave())
    worker.stop()
    assert not worker.engine.busy
    assert worker.engine._cache.bytes == 0


def test_who_does_not_read_is_let_go_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accord.serve.worker.MAX_BEHIND", 5)
    worker = Worker(load("tiny", seed=1), slots=4)
    long = Request(None, (1, 2, 3), Sampling(max_tokens=400, seed=0))

    async def slow() -> None:
        tokens = worker.write([long, long])
        await anext(tokens)
        for _ in range(3):  # each as long as may wait: who reads is never too far behind, however busy the machine is
            await ask(worker, Request(None, (5,), Sampling(max_tokens=5, temperature=0)))
        with pytest.raises(ModelError, match="more slowly than the model writes"):
            async for _ in tokens:
                pass

    worker.start()
    asyncio.run(slow())
    worker.stop()


def test_what_fails_is_told_to_who_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(load("tiny", seed=1), slots=4)
    prefill = worker.engine._decoder.prefill

    def small(prompts: Any) -> Any:
        if any(prompt[0] == 9 for prompt in prompts):
            raise RuntimeError("not enough memory")
        return prefill(prompts)

    monkeypatch.setattr(worker.engine._decoder, "prefill", small)
    bad = Request(None, (9, 9), Sampling(max_tokens=4, seed=0))

    async def both() -> list[Any]:
        asked = (ask(worker), ask(worker, ONE, bad), ask(worker))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    worker.start()
    first, failed, second = asyncio.run(both())
    worker.stop()
    assert first == second
    assert 0 < first <= 4
    assert isinstance(failed, ModelError)
    assert not worker.engine.busy


def test_a_request_that_cannot_be_written_stops_nobody() -> None:
    worker = Worker(load("tiny", seed=1), slots=2)
    worker.start()
    with pytest.raises(ModelError, match="empty prompt"):
        asyncio.run(ask(worker, ONE, Request(None, (), Sampling())))
    assert asyncio.run(ask(worker)) <= 4
    worker.stop()


def test_whatever_the_engine_dies_of_reaches_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(load("tiny", seed=1), slots=2)

    def fail() -> Any:
        raise ModelError("its logits are not finite")

    worker.start()
    with monkeypatch.context() as patch:
        patch.setattr(worker.engine, "step", fail)
        for _ in range(2):
            with pytest.raises(ModelError, match="not finite"):
                asyncio.run(ask(worker))
    assert worker.alive
    assert asyncio.run(ask(worker)) <= 4
    worker.stop()


def test_an_engine_that_cannot_be_cleared_is_told_of_and_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(load("tiny", seed=1), slots=2)

    def fail(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(worker.engine, "step", fail)
    monkeypatch.setattr(worker.engine, "cancel", fail)
    worker.start()
    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(ask(worker))
    worker.stop()
    assert not worker.alive
    with pytest.raises(ModelError, match="start the server again"):
        asyncio.run(ask(worker))


def test_who_waits_at_the_end_is_told() -> None:
    """Also who came in the moment of the end, and was not looked at."""
    worker = Worker(load("tiny", seed=1), slots=1)

    async def end() -> None:
        waiting = [asyncio.ensure_future(ask(worker)) for _ in range(3)]
        await asyncio.sleep(0)
        worker._stopping = True
        worker.start()
        for each in waiting:
            with pytest.raises(ModelError, match="start the server again"):
                await each

    asyncio.run(end())
    worker.stop()


def test_held_back_text_is_given_in_the_end() -> None:
    """Bytes of a character that is not whole, and letters that could begin a stop string, wait for what follows."""
    tokenizer = tiny_tokenizer()
    ids = tokenizer("naïve stories")["input_ids"]
    plain = IncrementalText(tokenizer, (), ())
    pieces = [plain.add(each, last=place == len(ids) - 1) for place, each in enumerate(ids)]
    assert "".join(pieces) == "naïve stories"
    assert not any("\ufffd" in piece for piece in pieces)
    stopped = IncrementalText(tokenizer, (), ("stop", "ries"))
    pieces = [stopped.add(each, last=False) for each in ids]
    assert "".join(pieces) == "naïve sto"
    held = IncrementalText(tokenizer, (), ("story",))
    assert "".join(held.add(each, last=False) for each in tokenizer("a stor")["input_ids"]) == "a "


@pytest.mark.parametrize("stop", [(), ("xyz", "ï " * 40)])
def test_a_long_text_is_decoded_once(stop: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters of several bytes, halves of them, and noise; what is given out is the text of all tokens together."""
    tokenizer = tiny_tokenizer()
    draw = random.Random(5)
    noise = [draw.randrange(3, len(tokenizer)) for _ in range(300)]
    ids = [
        *tokenizer("naïve 日本 stories, \U0001f600 " * 20)["input_ids"],
        *noise,
        *tokenizer("日本 " * 40)["input_ids"],
    ]
    decoded: list[int] = []
    decode = type(tokenizer)._decode

    def counted(self: Any, token_ids: Any, **more: Any) -> Any:
        decoded.append(len(token_ids))
        return decode(self, token_ids, **more)

    monkeypatch.setattr(type(tokenizer), "_decode", counted)
    text = IncrementalText(tokenizer, (5, 6), stop)
    pieces = [text.add(each, last=place == len(ids) - 1) for place, each in enumerate(ids)]
    assert "".join(pieces) == text.emitted == text_after(tokenizer, (5, 6), ids)
    assert max(decoded[:-2]) <= 200
    assert sum(decoded[:-2]) < 150 * len(ids)


def test_every_token_has_its_bytes() -> None:
    tokenizer = tiny_tokenizer()
    text = "naïve 日本 \x00\n"
    ids = tokenizer(text)["input_ids"]
    assert b"".join(bytes_of(tokenizer, each) or b"?" for each in ids) == text.encode()
    assert len({bytes_of(tokenizer, each) for each in range(len(tokenizer))}) == len(tokenizer)
    assert [token_text(tokenizer, each) for each in tokenizer("aï")["input_ids"]] == ["a", "bytes:\\xc3", "bytes:\\xaf"]
