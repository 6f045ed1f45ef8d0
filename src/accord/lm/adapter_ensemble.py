"""A reward model whose members have layers of their own: one decoder, member adapters, a head for each member."""

from dataclasses import dataclass, field
from pathlib import Path

from accord.deferred import deferred
from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.reward_model import ScalarHeadModel

with deferred():
    import torch
    from torch import Tensor

    from accord.lm.member_adapters import MemberAdapters
    from accord.lm.packed import PackedBatch

__all__ = ["AdapterEnsemble"]


@dataclass
class AdapterEnsemble(ScalarHeadModel):
    """A `ScalarHeadModel` whose output k * S + s reads what member s's own layers make of a text."""

    adapters: MemberAdapters = field(kw_only=True)

    @classmethod
    def over(
        cls,
        causal: CausalModel,
        *,
        name: str,
        seed: int,
        members: int,
        components: tuple[str, ...] = (),
        layers: int,
        rank: int,
        alpha: float,
    ) -> "AdapterEnsemble":
        """New heads, and new adapters in the last `layers` layers of `causal`. Raises `ModelError` as `attach` does."""
        fresh = ScalarHeadModel.fresh(causal, name=name, seed=seed, members=members, components=components)
        adapters = MemberAdapters(causal, members=members, layers=layers, rank=rank, alpha=alpha, seed=seed)
        return cls(**vars(fresh), adapters=adapters.attach())

    def outputs_at(self, hidden_XD: Tensor, place_N: Tensor) -> Tensor:
        """Each member's outputs at places of its own states, which stand behind each other, [N, M], float32."""
        return self._outputs_at(hidden_XD.reshape(self.members, -1, hidden_XD.shape[-1]), place_N)

    def at_end(self, batch: PackedBatch) -> Tensor:
        """The outputs at the last token of each answer of the batch, [A, M], float32."""
        return self._outputs_at(self._hidden(batch), batch.last_A)

    def along(self, batch: PackedBatch) -> tuple[Tensor, Tensor]:
        """The outputs before each token of each answer, [N, M], and at the last ones, [A, M], float32."""
        hidden_SXD = self._hidden(batch)
        return self._outputs_at(hidden_SXD, batch.source_N), self._outputs_at(hidden_SXD, batch.last_A)

    def state_at_end(self, batch: PackedBatch) -> Tensor:
        """Refused: members read states of their own."""
        raise ModelError(f"{self.name}: its members have states of their own, so there is none to read")

    def _hidden(self, batch: PackedBatch) -> Tensor:
        hidden_XD = batch.hidden(self.causal)
        return hidden_XD.reshape(self.members, -1, hidden_XD.shape[-1])

    def _outputs_at(self, hidden_SXD: Tensor, place_N: Tensor) -> Tensor:
        state_SND = hidden_SXD[:, place_N].float()
        weight_KSD = self.head.weight.reshape(-1, self.members, self.head.in_features)
        output_NKS = torch.einsum("snd,ksd->nks", state_SND, weight_KSD)
        raw_NM: Tensor = output_NKS.flatten(1) + self.head.bias
        return raw_NM

    def slow(self, batch: PackedBatch) -> Tensor:
        """As `at_end`, each member by a whole pass of its own."""
        states = []
        for member in range(self.members):
            with self.adapters.only(member):
                states.append(batch.hidden(self.causal))
        return self._outputs_at(torch.stack(states), batch.last_A)

    def save(self, folder: Path) -> None:
        """Write the shared decoder, the adapters of the members, and the heads."""
        with self.adapters.out():
            super().save(folder)
        self.adapters.save(folder)
