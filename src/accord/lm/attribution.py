"""Why a reward model gives a score: what each token of a completion adds to it, by integrated gradients.

Along the straight line from a baseline to the embeddings of a completion the score's gradient is integrated
(Sundararajan, Taly & Yan 2017, arXiv 1703.01365, eq. 1): token t gets (e_t - b) . integral of d score / d e_t. The
baseline has the end token at every place of the completion, after the same prompt. What the tokens get sums to the
score less the baseline's (completeness), up to the error of the integral, which is measured and told.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.packed import PackedBatch, pack
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Prompt

__all__ = ["Attribution", "attribute"]

ROWS = 8  # points of the integral that are computed together


@dataclass(frozen=True)
class Attribution:
    """What each of T tokens adds to the score of a completion.

    `reaches` are how many characters of the text there are up to and with each token. `difference` is the score less
    that of the baseline, `residual` what the amounts lack of it; `points` of the integral were computed.
    """

    amounts: tuple[float, ...]
    reaches: tuple[int, ...]
    difference: float
    residual: float
    points: int


def attribute(
    judge: ScalarHeadModel,
    prompt: Prompt,
    completion: Completion,
    *,
    points: int = 16,
    most: int = 64,
    tolerance: float = 0.02,
) -> Attribution:
    """What the tokens of a completion, its end included, add to the judge's score of it.

    The integral is taken by Gauss and Legendre's rule; points are doubled, up to `most`, until the residual is at most
    `tolerance` of the difference. Raises `ModelError` where the judge's score is no weighted mean of its outputs.
    """
    if judge.aggregation.rule != "mean":
        raise ModelError(
            f"{judge.name}: its outputs become one score by '{judge.aggregation.rule}'; gradients are of means alone"
        )
    (batch,) = pack(judge.causal, [judge.answer(prompt, completion, 0)])
    path = _Path(judge, batch)
    end, start = path.scores(torch.tensor([1.0, 0.0]))[0].tolist()
    while True:
        amount_T = path.integral(points)
        residual = end - start - float(amount_T.sum())
        if abs(residual) <= tolerance * abs(end - start) or 2 * points > most:
            break
        points *= 2
    reaches = judge.causal.reaches(batch.target_N.tolist())
    return Attribution(tuple(amount_T.tolist()), tuple(reaches), end - start, residual, points)


class _Path:
    """The line from the baseline's embeddings to those of one completion, and the score along it."""

    def __init__(self, judge: ScalarHeadModel, batch: PackedBatch) -> None:
        self.judge, self.batch = judge, batch
        causal = judge.causal
        embed = causal.model.get_input_embeddings()
        ends = causal.encode_completion("")
        with torch.no_grad():
            self.to_TD: Tensor = embed(batch.input_ids)[0].float()
            self.from_TD = self.to_TD.clone()
            self.from_TD[batch.place_N] = embed(torch.tensor(ends[:1], device=causal.device)).float()
        eye, nothing = np.eye(len(judge.mean_M)), np.zeros((1, len(judge.mean_M)))
        counts_M = (judge.overall(eye) - judge.overall(nothing)).mean(1)
        self._counts_M = torch.tensor(counts_M, dtype=torch.float32, device=causal.device)
        self._constant = float(judge.overall(nothing).mean())

    def scores(self, alpha_B: Tensor) -> tuple[Tensor, Tensor]:
        """The score at each point of the line, [B], and the embeddings there, [B, T, D]."""
        causal, batch = self.judge.causal, self.batch
        alpha_B = alpha_B.to(causal.device)
        embedded_BTD = self.from_TD + alpha_B[:, None, None] * (self.to_TD - self.from_TD)
        embedded_BTD = embedded_BTD.detach().to(causal.dtype).requires_grad_()
        if causal.packs:
            position_BT = batch.position_ids.expand(len(alpha_B), -1)
            layout = batch.layout(causal).repeat(len(alpha_B))
            inputs = {"position_ids": position_BT, **layout.inputs()}
        else:
            inputs = {}
        with torch.enable_grad():
            hidden_BTD = causal.hidden(inputs_embeds=embedded_BTD, **inputs)
            row_B = torch.arange(len(alpha_B), device=causal.device) * embedded_BTD.shape[1]
            raw_BM = self.judge.outputs_at(hidden_BTD.flatten(0, 1), row_B + batch.last_A[0])
            return raw_BM @ self._counts_M + self._constant, embedded_BTD

    def integral(self, points: int) -> Tensor:
        """What each completion token gets, [N], float64."""
        node_S, weight_S = np.polynomial.legendre.leggauss(points)
        total_TD = torch.zeros_like(self.to_TD, dtype=torch.float64)
        for first in range(0, points, ROWS):
            alpha_B = torch.tensor((node_S[first : first + ROWS] + 1) / 2, dtype=torch.float32)
            weight_B = torch.tensor(weight_S[first : first + ROWS] / 2, device=total_TD.device)
            score_B, embedded_BTD = self.scores(alpha_B)
            (gradient_BTD,) = torch.autograd.grad(score_B.sum(), embedded_BTD)
            total_TD += (weight_B[:, None, None] * gradient_BTD.double()).sum(0)
        amount_T = (total_TD * (self.to_TD - self.from_TD).double()).sum(-1)
        amount_N: Tensor = amount_T[self.batch.place_N].cpu()
        return amount_N
