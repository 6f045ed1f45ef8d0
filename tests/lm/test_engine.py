"""Continuous batching: refilled slots, prompts shared and let go, requests cancelled, text stopped."""

from collections import defaultdict
from typing import Any

import pytest
import torch

from accord.errors import ModelError
from accord.lm.engine import Engine, Failure, Request, Token
from accord.lm.kv_cache import KVCache
from accord.lm.loading import load
from accord.records import Sampling

TINY = load("tiny", seed=1)
SETTINGS = Sampling(max_tokens=24, seed=3)


def run(engine: Engine) -> dict[Any, list[Token]]:
    made: dict[Any, list[Token]] = defaultdict(list)
    while engine.busy:
        for token in written(engine):
            made[token.key].append(token)
    return made


def written(engine: Engine) -> list[Token]:
    """The tokens of a step in which nothing fails."""
    step = engine.step()
    tokens = [out for out in step if isinstance(out, Token)]
    assert len(tokens) == len(step)
    return tokens


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
        for token in written(engine):
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
    first = written(engine)
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
    engine.submit(Request("held", (1, 2), SETTINGS.model_copy(update={"stop": ("never to be seen", stop)})))
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
    slots.begin_step([2, 2, 2], None, torch.device("cpu"))
    key, value = slots.update(1, torch.full((3, 1, 1, 3), 7.0), torch.full((3, 1, 1, 3), 8.0))
    assert torch.equal(key[2, :, :2], kv[1, 0])
    assert torch.equal(value[0, :, :2], kv[1, 1])
    assert (key[:, :, 2] == 7).all()
    assert (value[:, :, 2] == 8).all()
    slots.begin_step([2, 2, 50], None, torch.device("cpu"))
    slots.move(2, 1, 3)
    again = slots.update(1, torch.full((3, 1, 1, 3), 9.0), torch.full((3, 1, 1, 3), 9.0))[0]
    assert torch.equal(again[1, :, :2], kv[1, 0])


def held(rows: int, positions: int) -> int:
    """The bytes of so many rows and positions of the tiny model."""
    config = TINY.model.config
    return 2 * 4 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * rows * positions


def test_memory_follows_what_runs_and_not_what_was_asked_for() -> None:
    engine = Engine(TINY, slots=32, length=16)
    engine.submit(Request("long", (1, 2, 3), Sampling(max_tokens=480, seed=0)))
    engine.step()
    assert engine._cache.bytes <= held(1, 16)
    for number in range(31):
        engine.submit(Request(number, (1, 2), Sampling(max_tokens=480, seed=number)))
    for _ in range(20):
        engine.step()
    assert held(2, 20) < engine._cache.bytes <= held(32, 2 * 24)
    for number in range(31):
        engine.cancel(number)
    engine.step()
    assert engine._cache.bytes <= held(2, 2 * 24)
    engine.cancel("long")
    assert engine._cache.bytes == 0
    engine.submit(Request("short", (4,), Sampling(max_tokens=3, temperature=0)))
    assert texts(run(engine))["short"]
    assert engine._cache.bytes == 0


def test_growing_and_shrinking_change_nothing() -> None:
    """Long and short texts by turns, so that rows and positions grow and shrink many times."""
    asked = [
        Request(number, tuple(range(1, 2 + size)), Sampling(max_tokens=size, seed=number))
        for number, size in enumerate((90, 2, 3, 1, 60, 1, 2, 140, 5, 4, 3, 2, 1, 7, 30, 2))
    ]
    small, plain = Engine(TINY, slots=5, length=1), Engine(TINY, slots=5, length=512)
    for request in asked:
        small.submit(request)
        plain.submit(request)
    assert texts(run(small)) == texts(run(plain))


@pytest.mark.parametrize("temperature", [1e-40, 1e-45, 1e-38, 1e-20, 1e-6])
def test_the_coldest_is_greedy(temperature: float) -> None:
    engine = Engine(TINY, slots=4)
    cold = Sampling(max_tokens=12, seed=1, temperature=temperature)
    for number, top_p in enumerate((1.0, 0.5)):
        engine.submit(Request(number, (5, 6), cold.model_copy(update={"top_p": top_p}), top=3))
    engine.submit(Request("greedy", (5, 6), Sampling(max_tokens=12, temperature=0)))
    found = run(engine)
    assert texts(found)[0] == texts(found)[1] == texts(found)["greedy"]
    assert all(token.logprob == token.top[0][1] == 0 for token in found[0])


def test_a_row_that_is_not_finite_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, alone = Engine(TINY, slots=4), Engine(TINY, slots=4)
    step = engine._decoder.step

    def poisoned(cache: KVCache, sequences: Any) -> Any:
        logits = step(cache, sequences)
        logits[[list(sequence[:2]) == [7, 7] for sequence in sequences]] = float("nan")
        return logits

    monkeypatch.setattr(engine._decoder, "step", poisoned)
    for each in (engine, alone):
        each.submit(Request("good", (1, 2, 3), SETTINGS))
    engine.submit(Request("bad", (7, 7), SETTINGS))
    out = [each for _ in range(len(run(alone)["good"])) for each in engine.step()]
    (failure,) = [each for each in out if isinstance(each, Failure)]
    assert failure.key == "bad"
    assert "not finite" in str(failure.error)
    assert len([each for each in out if each.key == "bad"]) == 2  # a token of the prompt's own logits, and the failure
    alone.submit(Request("good", (1, 2, 3), SETTINGS))
    assert [each.token_id for each in out if isinstance(each, Token) and each.key == "good"] == texts(run(alone))[
        "good"
    ]


def test_a_prompt_that_the_memory_does_not_hold_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(TINY, slots=4)
    prefill = engine._decoder.prefill

    def small(prompts: Any) -> Any:
        if max(map(len, prompts)) > 50:
            raise RuntimeError("not enough memory: you tried to allocate 99 bytes\nat somewhere")
        return prefill(prompts)

    monkeypatch.setattr(engine._decoder, "prefill", small)
    for number, size in enumerate((3, 60, 4, 60)):
        engine.submit(Request(number, (1,) * size, SETTINGS))
    failed = [each for each in engine.step() if isinstance(each, Failure)]
    assert [each.key for each in failed] == [1, 3]
    assert str(failed[0].error).endswith("60 tokens of a prompt: not enough memory: you tried to allocate 99 bytes")
    assert set(run(engine)) == {0, 2}
    assert not engine._prompts
    assert not engine._wanted


def test_who_asks_for_much_leaves_room_for_others() -> None:
    engine = Engine(TINY, slots=8)
    for number in range(40):
        engine.submit(Request(("much", number), (1, 2), Sampling(max_tokens=30, seed=number), owner="much"))
    assert len(engine.step()) == 6
    for number in range(3):
        engine.submit(Request(("little", number), (3,), Sampling(max_tokens=2, seed=number), owner="little"))
    begun = [key for key in (out.key for out in engine.step()) if key[0] == "little"]  # type: ignore[index]
    assert len(begun) == 2
    made = run(engine)
    assert {key for key in made if key[0] == "little"} == {("little", number) for number in range(3)}
    assert len(made) == 43


def test_long_prompts_come_one_after_the_other_where_others_are_writing() -> None:
    """What runs goes on between them."""
    engine = Engine(TINY, slots=8)
    engine.submit(Request("running", (1,), Sampling(max_tokens=100, temperature=0)))
    engine.step()
    for number in range(6):
        engine.submit(Request(number, (number + 1,) * 480, Sampling(max_tokens=9, temperature=0)))
    assert [len(engine.step()) for _ in range(2)] == [1 + 4, 1 + 6]


def test_a_stop_string_is_found_wherever_tokens_cut_it() -> None:
    """Only the end of a text is looked at; what stands there is found all the same, also across parts of letters."""
    engine = Engine(TINY)
    engine.submit(Request("free", (9, 1), Sampling(max_tokens=120, seed=8)))
    ids = texts(run(engine))["free"]
    text = TINY.tokenizer.decode(ids)
    for start in range(0, len(text) - 12, 7):
        stop = text[start : start + 1 + start % 11]
        first = next(place for place in range(1, len(ids) + 1) if stop in TINY.tokenizer.decode(ids[:place]))
        engine.submit(Request(start, (9, 1), Sampling(max_tokens=120, seed=8, stop=(stop, "\x00" * 3))))
        assert len(run(engine)[start]) == first


def test_one_long_text_makes_no_later_one_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the model's switch every sequence is read again for each token; when nothing runs, that is over."""
    monkeypatch.setattr(type(TINY), "switch", 20)
    engine = Engine(TINY, slots=2)
    fast = engine._decoder
    engine.submit(Request("long", (1, 2), Sampling(max_tokens=30, temperature=0)))
    assert engine._decoder is not fast
    long = texts(run(engine))["long"]
    assert engine._decoder is fast
    engine.submit(Request("short", (1, 2), Sampling(max_tokens=10, temperature=0)))
    assert engine._decoder is fast
    assert texts(run(engine))["short"] == long[:10]
