"""Integrated gradients of a reward model sum to the score less the baseline's, and are exact where it is linear."""

import numpy as np
import pytest
import torch

from accord.errors import ModelError
from accord.lm import load
from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.aggregation import Aggregation
from accord.lm.attribution import attribute
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Prompt

PROMPT = Prompt.ask("What is in the box?")


def answer(text: str) -> Completion:
    return Completion(prompt=PROMPT.id, text=text)


@pytest.fixture(scope="module")
def judge() -> ScalarHeadModel:
    model = ScalarHeadModel.fresh(load("tiny", dtype="float32"), name="reward", seed=3, members=2)
    model.mean_M, model.score_scale = (0.3, -0.1), 0.5
    return model


def test_what_tokens_get_sums_to_the_difference(judge: ScalarHeadModel) -> None:
    good = answer("There is a red ball in the box, and a book.")
    found = attribute(judge, PROMPT, good, most=128)
    assert abs(found.residual) <= 0.02 * abs(found.difference)
    assert sum(found.amounts) + found.residual == pytest.approx(found.difference, rel=1e-6)
    ids = judge.causal.encode_completion("")
    assert len(found.amounts) == len(judge.causal.encode_completion(good.text)) == len(found.reaches)
    assert found.reaches[-1] >= len(good.text)
    assert found.amounts[-1] == pytest.approx(0.0, abs=1e-9) or len(ids) > 1  # the end is the baseline's own


def test_the_difference_is_that_of_the_scores(judge: ScalarHeadModel) -> None:
    """Two completions with the same number of tokens have the same baseline, so it drops out."""
    one, other = answer("a red ball"), answer("a big ball")
    count = {len(judge.causal.encode_completion(each.text)) for each in (one, other)}
    assert len(count) == 1
    scores = judge.score([PROMPT, PROMPT], [one, other]).value_N
    found = [attribute(judge, PROMPT, each) for each in (one, other)]
    assert found[0].difference - found[1].difference == pytest.approx(scores[0] - scores[1], abs=1e-4)


def test_more_points_leave_less(judge: ScalarHeadModel) -> None:
    good = answer("It is a long way to the sea, and the road is bad; take water, a map and a friend with you.")
    residuals = [abs(attribute(judge, PROMPT, good, points=n, most=n).residual) for n in (2, 32)]
    assert residuals[1] < residuals[0]


def test_a_rule_other_than_the_mean_is_refused() -> None:
    model = ScalarHeadModel.fresh(load("tiny", dtype="float32"), name="reward", components=("a", "b"))
    model.aggregation = Aggregation(rule="maxmin")
    with pytest.raises(ModelError, match="maxmin"):
        attribute(model, PROMPT, answer("yes"))


def test_of_a_linear_score_each_token_gets_its_own(judge: ScalarHeadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that adds up what it has read: the integral is then exact, whatever the number of points."""

    def added(**inputs: torch.Tensor) -> torch.Tensor:
        return inputs["inputs_embeds"].cumsum(1)

    monkeypatch.setattr(judge.causal, "hidden", added)
    good = answer("a red ball")
    found = attribute(judge, PROMPT, good, points=1)
    embed = judge.causal.model.get_input_embeddings()
    ids = judge.causal.encode_completion(good.text)
    end = judge.causal.encode_completion("")[0]
    with torch.no_grad():
        moved_TD = embed(torch.tensor(ids)) - embed(torch.tensor([end]))
        expected_T = (judge.head(moved_TD) - judge.head.bias).mean(1) / judge.score_scale
    assert np.allclose(found.amounts, expected_T, atol=1e-5)
    assert found.points == 1


def test_members_with_layers_of_their_own_are_attributed_to_each_by_its_states() -> None:
    form = {"members": 3, "layers": 1, "rank": 2, "alpha": 4.0}
    ensemble = AdapterEnsemble.over(load("tiny", dtype="float32"), name="reward", seed=3, **form)
    with torch.no_grad():
        for weight in ensemble.adapters.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(4)))
    one, other = answer("a red ball"), answer("a big ball")
    scores = ensemble.score([PROMPT, PROMPT], [one, other]).value_N
    found = [attribute(ensemble, PROMPT, each, most=128) for each in (one, other)]
    assert found[0].difference - found[1].difference == pytest.approx(scores[0] - scores[1], abs=1e-4)
    assert all(abs(each.residual) <= 0.05 * max(abs(each.difference), 0.1) for each in found)
