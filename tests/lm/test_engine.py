"""Continuous batching: refilled slots, prompts shared and let go, requests cancelled, text stopped."""

from collections import defaultdict
from typing import Any

import pytest
import torch

from accord.errors import ModelError
from accord.lm.engine import Engine, Request, Token
from accord.lm.kv_cache import KVCache
from accord.lm.loading import load
from accord.records import Sampling

TINY = load("tiny", seed=1)
SETTINGS = Sampling(max_tokens=24, seed=3)


def run(engine: Engine) -> dict[Any, list[Token]]:
    made: dict[Any, list[Token]] = defaultdict(list)
    while engine.busy:
        for token in engine.step():
            made[token.key].append(token)
    return made


def texts(made: dict[Any, list[Token]]) -> dict[Any, list[int]]:
    return {key: [token.token_id for token in tokens] for key, tokens in made.items()}


def requests(count: int) -> list[Request]:
    """Different prompts, lengths, temperatures and limits."""
    return [
        Request(
            number,
            tuple(range(1 + number % 5, 3 + number % 5 + number % 7)),
            Sampling(max_tokens=3 + 5 * (number % 6), temperature=(0.0, 0.7, 1.0)[number % 3], seed=number),
            stream=number,
        )
        for number in range(count)
    ]


def test_a_refilled_slot_gives_what_a_fresh_batch_gives() -> None:
    together = Engine(TINY, slots=4)
    for request in requests(30):
        together.submit(request)
    found = run(together)
    for request in requests(30):
        alone = Engine(TINY, slots=1)
        alone.submit(request)
        (tokens,) = run(alone).values()
        assert [token.token_id for token in tokens] == [token.token_id for token in found[request.key]]
        for one, other in zip(tokens, found[request.key], strict=True):
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
            assert one.end == other.end
    assert not together._prompts
    assert not together._wanted


def test_a_free_slot_is_refilled_at_once() -> None:
    """Two slots, one long text and many of a single token: the long one's steps suffice for all of them."""
    engine = Engine(TINY, slots=2)
    engine.submit(Request("long", (1, 2), Sampling(max_tokens=20, seed=0)))
    long = len(run(engine)["long"])
    engine = Engine(TINY, slots=2)
    engine.submit(Request("long", (1, 2), Sampling(max_tokens=20, seed=0)))
    for number in range(long):
        engine.submit(Request(number, (3,), Sampling(max_tokens=1, seed=number)))
    made = run(engine)
    assert engine.steps == long
    assert len(made) == long + 1


def test_requests_that_come_later_join_the_batch() -> None:
    engine = Engine(TINY, slots=8)
    made: dict[Any, list[Token]] = defaultdict(list)
    for request in requests(20):
        engine.submit(request)
        for token in engine.step():
            made[token.key].append(token)
    for key, tokens in run(engine).items():
        made[key] += tokens
    at_once = Engine(TINY, slots=20)
    for request in requests(20):
        at_once.submit(request)
    assert texts(made) == texts(run(at_once))


def test_a_shared_prompt_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(TINY, slots=3)
    prefill, seen = engine._decoder.prefill, []
    monkeypatch.setattr(engine._decoder, "prefill", lambda prompts: (seen.extend(prompts), prefill(prompts))[1])
    for number in range(10):
        engine.submit(Request(number, (1, 2, 3), SETTINGS, stream=number))
    assert len(set(map(tuple, texts(run(engine)).values()))) > 1
    assert seen == [(1, 2, 3)]


def test_cancelling() -> None:
    engine = Engine(TINY, slots=3)
    for request in requests(9):
        engine.submit(request)
    first = engine.step()
    for key in (0, 1, 7, "nobody"):
        engine.cancel(key)
    found = run(engine)
    assert set(found) == {2, 3, 4, 5, 6, 8}
    whole = Engine(TINY, slots=9)
    for request in requests(9):
        whole.submit(request)
    expected = texts(run(whole))
    begun = {token.key: [token.token_id] for token in first}
    assert {key: begun.get(key, []) + ids for key, ids in texts(found).items()} == {k: expected[k] for k in found}


def test_a_stop_string_ends_the_text() -> None:
    engine = Engine(TINY)
    engine.submit(Request("free", (1, 2), SETTINGS))
    text = TINY.tokenizer.decode(texts(run(engine))["free"])
    stop = text[5:7]
    engine = Engine(TINY)
    engine.submit(Request("held", (1, 2), SETTINGS, stop=("never to be seen", stop)))
    tokens = run(engine)["held"]
    cut = TINY.tokenizer.decode([token.token_id for token in tokens])
    assert tokens[-1].end == "stop"
    assert stop in cut
    assert stop not in TINY.tokenizer.decode([token.token_id for token in tokens[:-1]])
    assert text.startswith(cut)


def test_the_likeliest_tokens() -> None:
    engine = Engine(TINY)
    engine.submit(Request("top", (1, 2, 3), Sampling(max_tokens=1, seed=0, temperature=0.5), top=4))
    ((token,),) = run(engine).values()
    with torch.no_grad():
        wanted = (TINY.model(torch.tensor([[1, 2, 3]])).logits[0, -1] / 0.5).log_softmax(-1).topk(4)
    assert [each for each, _ in token.top] == wanted.indices.tolist()
    torch.testing.assert_close(torch.tensor([each for _, each in token.top]), wanted.values, atol=1e-5, rtol=0)


def test_slots_grow_for_longer_texts() -> None:
    engine = Engine(TINY, slots=2, length=4)
    for number, size in enumerate((2, 60, 5, 200)):
        engine.submit(Request(number, tuple(range(1, size)), Sampling(max_tokens=9, temperature=0)))
    found = texts(run(engine))
    for number, size in enumerate((2, 60, 5, 200)):
        ids = torch.tensor([range(1, size)])
        wanted = TINY.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, do_sample=False)
        assert found[number] == wanted[0, size - 1 :].tolist()


def test_what_cannot_be_asked() -> None:
    engine = Engine(TINY)
    for prompt in ((), (300,), (-1,), (1,) * 500):
        with pytest.raises(ModelError):
            engine.submit(Request("bad", prompt, SETTINGS))
    assert not engine.busy
    assert engine.step() == []
    with pytest.raises(ValueError, match="one at least"):
        Engine(TINY, slots=0)


def test_slots_keep_what_was_put_into_them() -> None:
    slots = KVCache(3, 4)
    kv = torch.arange(2.0 * 2 * 1 * 2 * 3).view(2, 2, 1, 2, 3)
    slots.fill([0, 2], kv)
    slots.begin_step(torch.tensor([2, 2, 2]))
    key, value = slots.update(1, torch.full((3, 1, 1, 3), 7.0), torch.full((3, 1, 1, 3), 8.0))
    assert torch.equal(key[2, :, :2], kv[1, 0])
    assert torch.equal(value[0, :, :2], kv[1, 1])
    assert (key[:, :, 2] == 7).all()
    assert (value[:, :, 2] == 8).all()
    slots.reserve(50)
    slots.move(2, 1, 3)
    again = slots.update(1, torch.full((3, 1, 1, 3), 9.0), torch.full((3, 1, 1, 3), 9.0))[0]
    assert torch.equal(again[1, :, :2], kv[1, 0])
