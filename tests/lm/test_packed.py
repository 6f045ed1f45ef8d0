"""Packed rows against one plain forward pass an answer: probabilities, hidden states, gradients."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs, token_logprobs
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack

TINY = load("tiny", seed=1)
IDS = st.lists(st.integers(0, 257), min_size=1, max_size=12).map(tuple)
# Few prompts and many answers, so that prompts are shared; id 257 is EOS and padding at once.
ANSWERS = st.lists(
    st.tuples(st.sampled_from([(1,), (5, 257, 9, 3), tuple(range(20))]) | IDS, IDS), min_size=1, max_size=9
)


def answers_of(pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[TokenizedCompletion]:
    return [TokenizedCompletion(prompt, completion, 10 + number) for number, (prompt, completion) in enumerate(pairs)]


def plain(causal: CausalModel, answer: TokenizedCompletion) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities and entropies of the completion, and the last hidden state, by plain transformers."""
    ids_1T = torch.tensor([answer.prompt + answer.completion])
    output = causal.model(input_ids=ids_1T, output_hidden_states=True)
    start = len(answer.prompt)
    logprob_nV = output.logits[0, start - 1 : -1].float().log_softmax(-1)
    picked_n = logprob_nV.gather(1, ids_1T[0, start:, None])[:, 0]
    return picked_n, -(logprob_nV.exp() * logprob_nV).sum(-1), output.hidden_states[-1][0, -1]


def by_key(batch: PackedBatch, value_N: Tensor) -> dict[int, Tensor]:
    """The values of a batch by answer, in the order of their steps."""
    out = {}
    for index, key in enumerate(batch.keys):
        mine = batch.owner_N == index
        assert batch.step_N[mine].tolist() == list(range(int(mine.sum())))
        out[key] = value_N[mine]
    return out


@given(ANSWERS, st.sampled_from([8, 24, 64, 320]), st.sampled_from([24, 96, 2048]))
def test_packing_changes_no_number(
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], row_tokens: int, batch_tokens: int
) -> None:
    answers = answers_of(pairs)
    seen = []
    for batch in pack(TINY, answers, row_tokens=row_tokens, batch_tokens=batch_tokens):
        with torch.no_grad():
            hidden_XD = batch.hidden(TINY)
            found = token_logprobs(TINY, batch, hidden_XD)
        logprobs, entropies = by_key(batch, found.logprob_N), by_key(batch, found.entropy_N)
        targets, places = by_key(batch, batch.target_N), by_key(batch, batch.place_N)
        for index, key in enumerate(batch.keys):
            answer = answers[key - 10]
            logprob_n, entropy_n, last_D = plain(TINY, answer)
            torch.testing.assert_close(logprobs[key], logprob_n, atol=2e-5, rtol=0)
            torch.testing.assert_close(entropies[key], entropy_n, atol=2e-5, rtol=0)
            torch.testing.assert_close(hidden_XD[batch.last_A[index]], last_D, atol=2e-5, rtol=0)
            assert tuple(targets[key].tolist()) == answer.completion
            assert tuple(batch.input_ids.flatten()[places[key]].tolist()) == answer.completion
        seen += batch.keys
    assert sorted(seen) == [answer.key for answer in answers]


def gradients(causal: CausalModel, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, causal.trainable()))


@given(ANSWERS)
def test_gradients_are_those_of_plain_passes(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    answers = answers_of(pairs)
    ours = torch.zeros(())
    for batch in pack(TINY, answers, row_tokens=48):
        weight_N = torch.tensor([1.0 + key % 3 for key in batch.keys])[batch.owner_N]
        ours = ours + (weight_N * token_logprobs(TINY, batch, batch.hidden(TINY), chunk=5).logprob_N).sum()
    theirs = torch.stack([(1.0 + answer.key % 3) * plain(TINY, answer)[0].sum() for answer in answers]).sum()
    for mine, reference in zip(gradients(TINY, ours), gradients(TINY, theirs), strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_loss_gradient_agrees_with_finite_differences(temperature: float) -> None:
    """The hand-written backward of the chosen log-probability, against plain autograd."""
    batch = pack(TINY, answers_of([((1, 2), (3, 4, 257)), ((1, 2), (9,))]))[0]
    hidden_XD = batch.hidden(TINY).detach().requires_grad_()
    token_logprobs(TINY, batch, hidden_XD, temperature=temperature).logprob_N.square().sum().backward()
    ours = hidden_XD.grad
    assert ours is not None
    hidden_XD.grad = None
    logprob_NV = (TINY.logits(hidden_XD[batch.source_N]) / temperature).log_softmax(-1)
    logprob_NV.gather(1, batch.target_N[:, None]).square().sum().backward()
    torch.testing.assert_close(ours, hidden_XD.grad, atol=1e-5, rtol=1e-5)


def test_what_else_is_in_the_batch_changes_nothing() -> None:
    one = answers_of([((7, 8, 9), (1, 2, 257))])
    alone = completion_logprobs(TINY, [one[0].prompt], [one[0].completion])[0]
    others = [((7, 8, 9), (4,) * 30), ((3,) * 40, (5,) * 50), ((7, 8, 9), (257,))]
    prompts = [one[0].prompt, *(prompt for prompt, _ in others)]
    completions = [one[0].completion, *(completion for _, completion in others)]
    for batch_tokens in (64, 4096):
        beside = completion_logprobs(TINY, prompts, completions, batch_tokens=batch_tokens)
        assert [len(each) for each in beside] == [3, 30, 50, 1]
        torch.testing.assert_close(beside[0], alone, atol=1e-5, rtol=0)


def test_bfloat16_is_near() -> None:
    causal = load("tiny", seed=1, dtype="bfloat16")
    pairs = [(tuple(range(30)), tuple(range(start, start + 20))) for start in (40, 60, 80)]
    exact = completion_logprobs(TINY, [p for p, _ in pairs], [c for _, c in pairs])
    near = completion_logprobs(causal, [p for p, _ in pairs], [c for _, c in pairs])
    for mine, reference in zip(near, exact, strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, reference, atol=0.1, rtol=0)


def test_rows_are_filled() -> None:
    answers = answers_of([((number,) * 20, (1,) * size) for number in range(16) for size in (5, 17, 30, 44)])
    needed = sum({answer.prompt: 20 for answer in answers}.values()) + sum(len(each.completion) for each in answers)
    batches = pack(TINY, answers, row_tokens=320)
    assert sum(batch.tokens for batch in batches) < 1.15 * needed
    assert max(batch.tokens for batch in batches) <= 2048


def test_entropy_can_be_left_out() -> None:
    batch = pack(TINY, answers_of([((1,), (2, 3))]))[0]
    hidden_XD = batch.hidden(TINY)
    without = token_logprobs(TINY, batch, hidden_XD, entropy=False)
    assert bool(without.entropy_N.isnan().all())
    assert torch.equal(without.logprob_N, token_logprobs(TINY, batch, hidden_XD).logprob_N)


@pytest.mark.parametrize(
    ("prompt", "completion", "message"),
    [
        ((1,), (), "item 10: an empty completion"),
        ((), (1,), "item 10: an empty prompt"),
        ((1,) * 500, (1,) * 13, "item 10: 513 tokens exceed the 512 of tiny"),
        ((1,), (258,), "item 10: token id 258 is outside the vocabulary of 258"),
        ((-1,), (1,), "item 10: token id -1 is outside the vocabulary of 258"),
    ],
)
def test_what_has_no_probability_is_refused(prompt: tuple[int, ...], completion: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        pack(TINY, answers_of([(prompt, completion)]))


def test_the_whole_context_can_be_used() -> None:
    answers = answers_of([((1,) * 500, (1,) * 12)])
    assert pack(TINY, answers)[0].tokens == 512
