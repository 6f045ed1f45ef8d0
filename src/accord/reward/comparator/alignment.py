"""A head over the token states of two texts: what each token of one finds in the other.

    a_i           W [state; embedding] of token i, with a convolution over its neighbours' embeddings
    s_ij          u . (cosines of states and embeddings, one token, one neighbourhood) + q_i . k_j
    b_i           sum_j softmax_j(s_ij) a_j
    v_i           F(a_i, b_i, |a_i - b_i|, a_i * b_i, what is most alike)
    of A in B     [max_i v_i; mean_i v_i]

after decomposable attention (Parikh et al. 2016, arXiv 1606.01933, eq. 1-4), whose comparison (v) is of single tokens
and sums alone: the largest is kept beside the mean, because one number that is another is enough. "The same" reads both
directions in a symmetric form, "A states more" reads A in B, and B in A beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from accord.lm.encoder import EncodedText

__all__ = ["AlignmentHead", "PaddedTexts", "padded"]


@dataclass(frozen=True)
class PaddedTexts:
    """Texts of a batch: ids, states of each layer, and which places are a text's own."""

    id_BT: Tensor
    state_BTLD: Tensor
    own_BT: Tensor


def padded(texts: Sequence[EncodedText]) -> PaddedTexts:
    """Texts padded to the longest, one place at least."""
    longest = max(1, *(len(text.id_T) for text in texts))
    id_BT = torch.full((len(texts), longest), -1)
    state_BTLD = torch.zeros(len(texts), longest, *texts[0].state_TLD.shape[1:])
    for row, text in enumerate(texts):
        id_BT[row, : len(text.id_T)] = text.id_T
        state_BTLD[row, : len(text.id_T)] = text.state_TLD
    return PaddedTexts(id_BT, state_BTLD, id_BT >= 0)


class AlignmentHead(nn.Module):
    """Logits [B, 2] of texts A against texts B: that they say the same, and that A states a fact that is not in B.

    width    of the encoder's states
    layers   states a token, the first of them its embedding without neighbours
    hidden   width of the head
    """

    def __init__(self, width: int, layers: int, hidden: int = 128, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.dropout = nn.Dropout(dropout)
        self.states = nn.Linear(width * layers, hidden)
        self.neighbours = nn.Conv1d(width, hidden, 3, padding=1)
        self.query, self.key = nn.Linear(2 * hidden, hidden, bias=False), nn.Linear(2 * hidden, hidden, bias=False)
        self.alike = nn.Parameter(torch.tensor([4.0] * layers + [2.0, 2.0]))
        features = 8 * hidden + layers + 2
        self.compare = nn.Sequential(
            nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.same = nn.Sequential(nn.Linear(4 * hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))
        self.more = nn.Sequential(nn.Linear(4 * hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, a: PaddedTexts, b: PaddedTexts) -> Tensor:
        """Logits (same, extra) of each pair, [B, 2]."""
        a_BTH, b_BTH = self._tokens(a), self._tokens(b)
        alike_BTUF = self._alike(a, b)
        in_b_BH = self._found(a, a_BTH, b, b_BTH, alike_BTUF)
        in_a_BH = self._found(b, b_BTH, a, a_BTH, alike_BTUF.transpose(1, 2))
        both_BH = torch.cat([in_b_BH + in_a_BH, (in_b_BH - in_a_BH).abs()], -1)
        return torch.cat([self.same(both_BH), self.more(torch.cat([in_b_BH, in_a_BH], -1))], -1)

    def _tokens(self, texts: PaddedTexts) -> Tensor:
        normed_BTLD = self.norm(texts.state_BTLD) * texts.own_BT[..., None, None]
        near_BTH = self.neighbours(normed_BTLD[:, :, 0].transpose(1, 2)).transpose(1, 2)
        return torch.cat([self.states(self.dropout(normed_BTLD.flatten(2))), near_BTH], -1)

    def _alike(self, a: PaddedTexts, b: PaddedTexts) -> Tensor:
        """How alike tokens i of A and j of B are: cosine in each layer, one token, one token between the same two."""
        unit_a, unit_b = (nn.functional.normalize(text.state_BTLD, dim=-1) for text in (a, b))
        cosine_BTUL = torch.einsum("btld,buld->btul", unit_a, unit_b)
        one_BTU = (a.id_BT[:, :, None] == b.id_BT[:, None, :]) & a.own_BT[:, :, None]
        around = nn.functional.pad(one_BTU, (1, 1, 1, 1))
        placed_BTU = one_BTU & around[:, :-2, :-2] & around[:, 2:, 2:]
        return torch.cat([cosine_BTUL, torch.stack([one_BTU, placed_BTU], -1).float()], -1)

    def _found(self, a: PaddedTexts, a_BTH: Tensor, b: PaddedTexts, b_BTH: Tensor, alike_BTUF: Tensor) -> Tensor:
        """What A's tokens find in B, [B, 2H]."""
        score_BTU = self.query(a_BTH) @ self.key(b_BTH).transpose(1, 2) / self.query.out_features**0.5
        score_BTU = (score_BTU + alike_BTUF @ self.alike).masked_fill(~b.own_BT[:, None], -1e4)
        weight_BTU = score_BTU.softmax(-1)
        aligned_BTH = weight_BTU @ b_BTH
        most_BTF = alike_BTUF.masked_fill(~b.own_BT[:, None, :, None], -1.0).amax(2)
        parts = [a_BTH, aligned_BTH, (a_BTH - aligned_BTH).abs(), a_BTH * aligned_BTH, most_BTF]
        v_BTH = self.compare(torch.cat(parts, -1))
        own_BT1 = a.own_BT[..., None]
        largest_BH = v_BTH.masked_fill(~own_BT1, -1e4).amax(1)
        largest_BH = largest_BH.where(a.own_BT.any(1, keepdim=True), torch.zeros(()))
        mean_BH = (v_BTH * own_BT1).sum(1) / own_BT1.sum(1).clamp(min=1)
        return torch.cat([largest_BH, mean_BH], -1)
