"""Sampling against softmax, plain greedy generation and the trainer's own log-probabilities."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.engine import Request, _uniforms
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.token_sampling import _invert, _nucleus, sample_tokens
from accord.records import Sample, Sampling

TINY = load("tiny", seed=1)
PROMPTS = [[1, 2, 3], [9], [4, 5, 6, 7, 8, 9, 10], [30, 31]]


def flat(groups: list[list[Sample]]) -> list[Sample]:
    return [each for group in groups for each in group]


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_the_samplers_probabilities_are_the_trainers(temperature: float) -> None:
    groups = generate(TINY, PROMPTS, 3, Sampling(max_tokens=20, temperature=temperature, seed=4))
    prompts = [prompt for prompt in PROMPTS for _ in range(3)]
    found = completion_logprobs(
        TINY, prompts, [each.token_ids for each in flat(groups)], temperature=temperature or 1.0
    )
    for each, logprob_T in zip(flat(groups), found, strict=True):
        torch.testing.assert_close(torch.tensor(each.logprobs), logprob_T, atol=2e-5, rtol=0)


def test_greedy_is_plain_greedy_generation() -> None:
    for prompt, group in zip(PROMPTS, generate(TINY, PROMPTS, 1, Sampling(max_tokens=12, temperature=0)), strict=True):
        made = TINY.model.generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False)
        assert list(group[0].token_ids) == made[0, len(prompt) :].tolist()


def test_first_tokens_follow_softmax() -> None:
    n = 4000
    temperature = 0.5
    counts_V = np.zeros(TINY.vocabulary)
    for each in generate(TINY, [[1, 2, 3]], n, Sampling(max_tokens=1, temperature=temperature, seed=0), batch=n)[0]:
        counts_V[each.token_ids[0]] += 1
    with torch.no_grad():
        logits_V = TINY.model(torch.tensor([[1, 2, 3]])).logits[0, -1]
    expected_V = n * (logits_V / temperature).softmax(-1).double().numpy()
    often = expected_V >= 5
    seen = np.append(counts_V[often], counts_V[~often].sum())
    wanted = np.append(expected_V[often], expected_V[~often].sum())
    assert often.sum() > 50
    assert stats.chisquare(seen, wanted, sum_check=False).pvalue > 0.01


def test_a_text_depends_on_nothing_beside_it() -> None:
    settings = Sampling(max_tokens=16, seed=11)
    together = generate(TINY, PROMPTS, 4, settings)
    for batch in (1, 6, 300):
        assert [[s.token_ids for s in g] for g in generate(TINY, PROMPTS, 4, settings, batch=batch)] == [
            [s.token_ids for s in g] for g in together
        ]
    fewer = generate(TINY, PROMPTS[:2], 2, settings)
    assert [[s.token_ids for s in g] for g in fewer] == [[s.token_ids for s in g[:2]] for g in together[:2]]
    shorter = generate(TINY, PROMPTS, 4, settings.model_copy(update={"max_tokens": 5}))
    assert [s.token_ids for s in flat(shorter)] == [s.token_ids[:5] for s in flat(together)]


def test_seeds() -> None:
    made = {seed: [s.token_ids for s in flat(generate(TINY, PROMPTS, 2, Sampling(seed=seed)))] for seed in (0, 1, -1)}
    assert made[0] == [s.token_ids for s in flat(generate(TINY, PROMPTS, 2, Sampling(seed=0)))]
    assert made[0] != made[1]
    assert made[1] != made[-1]


def test_random_streams_of_steps_prompts_and_samples_never_meet() -> None:
    seeds = [0, 1, 2, 1_000_003, (1 << 32), (1 << 32) + 1, (1 << 63) - 1]
    firsts = np.array(
        [
            _uniforms(Request(0, (1,), Sampling(seed=seed, max_tokens=1), stream=(number, index)))
            for seed in seeds
            for number in range(50)
            for index in range(4)
        ]
    )
    assert np.unique(firsts).size == len(seeds) * 50 * 4


def biased(token: int, weight: float) -> CausalModel:
    """The tiny model with one token made likelier, by hand in its output."""
    causal = load("tiny", seed=1)
    head = torch.nn.Linear(causal.width, causal.vocabulary)
    with torch.no_grad():
        head.weight.copy_(causal.model.get_output_embeddings().weight)
        head.bias.zero_()
        head.bias[token] = weight
    causal.model.lm_head = head
    return causal


def test_the_end_and_the_limit() -> None:
    ending = biased(TINY.eos_id, 50.0)
    for each in flat(generate(ending, PROMPTS, 2, Sampling(max_tokens=8))):
        assert (each.token_ids, each.finish_reason) == ((TINY.eos_id,), "eos")
    never = biased(TINY.eos_id, -50.0)
    for each in flat(generate(never, PROMPTS, 2, Sampling(max_tokens=8))):
        assert (len(each.token_ids), each.finish_reason) == (8, "length")
    sometimes = flat(generate(biased(TINY.eos_id, 3.0), PROMPTS, 16, Sampling(max_tokens=8, seed=2)))
    assert {each.finish_reason for each in sometimes} == {"eos", "length"}
    for each in sometimes:
        assert (each.token_ids[-1] == TINY.eos_id) == (each.finish_reason == "eos")
        assert TINY.eos_id not in each.token_ids[:-1]


def test_a_model_in_training_stays_so() -> None:
    causal = load("tiny")
    causal.model.train()
    generate(causal, [[1]], 1, Sampling(max_tokens=2))
    assert causal.model.training
    with pytest.raises(ModelError):
        generate(causal, [[1] * 512], 1, Sampling(max_tokens=2))
    assert causal.model.training


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([[1], []], "prompt 1: an empty prompt"),
        ([[1] * 509], "prompt 0: 509 tokens and 4 to write exceed the context of 512"),
        ([[258]], "outside the vocabulary of 258"),
    ],
)
def test_prompts_that_cannot_be_answered(prompts: list[list[int]], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        generate(TINY, prompts, 1, Sampling(max_tokens=4))


def test_logits_that_are_not_numbers_are_told() -> None:
    with pytest.raises(ModelError, match="logits are not finite"):
        generate(biased(3, float("nan")), [[1]], 1, Sampling(max_tokens=2))


@given(
    st.integers(1, 5).flatmap(
        lambda rows: st.tuples(
            st.lists(st.lists(st.floats(-30, 30), min_size=300, max_size=300), min_size=rows, max_size=rows),
            st.lists(st.floats(0, 1, exclude_max=True), min_size=rows, max_size=rows),
        )
    )
)
def test_inversion_is_that_of_the_plain_running_sum(drawn: tuple[list[list[float]], list[float]]) -> None:
    """300 tokens make two blocks, the second padded; the goal may fall on either side of a bound by rounding alone."""
    score_SV, uniform_S = torch.tensor(drawn[0]), torch.tensor(drawn[1], dtype=torch.float64)
    token_S, total_S = (each[:, 0] for each in _invert(score_SV, score_SV.amax(-1, keepdim=True), uniform_S))
    torch.testing.assert_close(total_S, score_SV.logsumexp(-1), atol=1e-5, rtol=1e-6)
    cumulative_SV = score_SV.double().softmax(-1).cumsum(-1)
    for row, token in enumerate(token_S.tolist()):
        below = cumulative_SV[row, token - 1] if token else 0.0
        assert below - 1e-6 <= uniform_S[row] <= cumulative_SV[row, token] + 1e-6


@pytest.mark.parametrize("uniform", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_a_token_without_weight_is_never_drawn(uniform: float) -> None:
    score_SV = torch.full((3, 1000), -torch.inf)
    for row, token in enumerate((0, 511, 999)):
        score_SV[row, token] = 1.0
    token_S1, _ = _invert(score_SV, score_SV.amax(-1, keepdim=True), torch.full((3,), uniform, dtype=torch.float64))
    assert token_S1[:, 0].tolist() == [0, 511, 999]


SCORES_SV = torch.log(torch.tensor([[0.1, 0.4, 0.2, 0.3]]))
EVENLY_S = torch.linspace(0, 0.999, 200, dtype=torch.float64)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"top_k": 1}, {1}),
        ({"top_k": 2}, {1, 3}),
        ({"top_k": 9}, {0, 1, 2, 3}),
        ({"top_p": 0.4}, {1}),
        ({"top_p": 0.41}, {1, 3}),
        ({"top_p": 0.71}, {1, 2, 3}),
        ({"top_p": 1e-6}, {1}),
        ({"top_k": 2, "top_p": 0.5}, {1}),
    ],
)
def test_truncation(settings: dict[str, Any], kept: set[int]) -> None:
    drawn = sample_tokens(SCORES_SV.repeat(200, 1), [Sampling(**settings)] * 200, EVENLY_S)
    assert set(drawn.token_S.tolist()) == kept


@given(st.floats(0.05, 0.999), st.integers(0, 1000))
def test_a_nucleus_is_that_of_a_full_sort(share: float, seed: int) -> None:
    """Scores from flat to peaked, over a vocabulary wider than the part that is looked at first."""
    generator = torch.Generator().manual_seed(seed)
    score_V = torch.randn(1500, generator=generator) * (seed % 7)
    ordered = score_V.double().softmax(-1).sort(descending=True)
    wanted = int((ordered.values.cumsum(-1) - ordered.values < share - 1e-6).sum())
    allowed = int((ordered.values.cumsum(-1) - ordered.values < share + 1e-6).sum())
    _nucleus(score_V, share)
    kept = score_V.isfinite().nonzero()[:, 0]
    assert wanted <= len(kept) <= allowed
    if seed % 7:  # where scores are not all alike
        assert set(kept.tolist()) == set(ordered.indices[: len(kept)].tolist())


def test_every_row_has_settings_of_its_own() -> None:
    logits_SV = SCORES_SV.repeat(4, 1)
    settings = [Sampling(temperature=0), Sampling(top_k=1), Sampling(temperature=0.5), Sampling()]
    drawn = sample_tokens(logits_SV, settings, torch.full((4,), 0.05, dtype=torch.float64))
    assert drawn.token_S.tolist() == [1, 1, 1, 0]  # .01/.3 of the third row's weight lies on token 0
    torch.testing.assert_close(drawn.logprob_S.exp(), torch.tensor([0.4, 0.4, 0.16 / 0.3, 0.1]))


def test_a_truncated_sampler_reports_the_full_distribution() -> None:
    drawn = sample_tokens(SCORES_SV.repeat(200, 1), [Sampling(top_k=2)] * 200, EVENLY_S)
    assert set(drawn.token_S.tolist()) == {1, 3}
    torch.testing.assert_close(drawn.logprob_S.exp(), torch.tensor([0.1, 0.4, 0.2, 0.3])[drawn.token_S])
    assert (drawn.token_S == 1).float().mean() == pytest.approx(4 / 7, abs=0.02)


def test_bfloat16_samples() -> None:
    causal = load("tiny", seed=1, dtype="bfloat16")
    made = flat(generate(causal, PROMPTS, 8, Sampling(max_tokens=16, seed=0)))
    prompts = [prompt for prompt in PROMPTS for _ in range(8)]
    found = completion_logprobs(causal, prompts, [each.token_ids for each in made])
    gap = torch.cat([torch.tensor(each.logprobs) - logprob_T for each, logprob_T in zip(made, found, strict=True)])
    assert float(gap.abs().max()) < 0.15
    assert float(gap.exp().mean()) == pytest.approx(1.0, abs=0.01)
