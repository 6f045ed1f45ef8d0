"""A number from a text: a decoder with a linear head, read where a completion ends or at each of its tokens.

As a judge it reads the text of a completion with its own tokenizer, so it may judge writers of any vocabulary. Its head
may have several members over the same decoder, whose spread is the judge's standard deviation, and these for each of
several persons, groups of people or objectives, whose scores become one by a rule that is named (`aggregation`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.interfaces import Scores
from accord.lm.aggregation import Aggregation
from accord.lm.causal import CausalModel
from accord.lm.gradients import without_gradients
from accord.lm.head_posterior import DRAWS, HeadPosterior
from accord.records import Completion, Prompt

with deferred():
    import torch
    from safetensors.torch import save_file
    from torch import Tensor, nn

    from accord.lm.packed import PackedBatch, TokenizedCompletion, pack, tokenized
    from accord.lm.sizes import reading_tokens

__all__ = ["SHARED", "ScalarHeadModel", "is_reward_model", "new_head"]

HEAD = "head.safetensors"
SHARED = "shared"
"""The component that stands for whoever has none of their own."""


def new_head(width: int, *, seed: int, outputs: int = 1) -> nn.Linear:
    """A float32 head [width -> outputs], drawn with deviation 1/sqrt(width + 1) (Stiennon et al. 2020), bias 0."""
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(width, outputs)
    with torch.no_grad():
        head.weight.normal_(0.0, (width + 1) ** -0.5, generator=generator)
        head.bias.zero_()
    return head


@dataclass
class ScalarHeadModel:
    """A decoder and a head of M = K * S outputs. An output's score is (output - its mean) / score_scale.

    Output k * S + s is that of member s for component k: the K `components` are persons, groups of people or
    objectives (one without a name where there are none), the S `members` of each an ensemble. A score is the mean over
    members, its standard deviation theirs (with S - 1; none for one member). The judge's is that of its components by
    `aggregation`, member by member, which may compare it with the scores `reference_RM` of other completions.
    `listed` says which components stand in scores (all, where it is None); `for_component` has every one.

    With a `posterior` of its head a score is the mean over draws of it (of every member), and its deviation that of
    the mixture: what members differ by and what each is in doubt of.
    """

    causal: CausalModel
    head: nn.Linear
    name: str
    mean_M: tuple[float, ...] = (0.0,)
    score_scale: float = 1.0
    components: tuple[str, ...] = ()
    members: int = 1
    aggregation: Aggregation = field(default_factory=Aggregation)
    listed: tuple[str, ...] | None = None
    reference_RM: NDArray[np.float64] | None = None
    posterior: HeadPosterior | None = None

    @classmethod
    def fresh(
        cls, causal: CausalModel, *, name: str, seed: int = 0, members: int = 1, components: tuple[str, ...] = ()
    ) -> "ScalarHeadModel":
        """A new head over `causal`, of `members` outputs for each of the components."""
        outputs = max(1, len(components)) * members
        head = new_head(causal.width, seed=seed, outputs=outputs).to(causal.device)
        return cls(causal, head, name, (0.0,) * outputs, components=components, members=members)

    def trainable(self) -> list[nn.Parameter]:
        """What training moves: the decoder's weights (or adapters) and the head."""
        return [*self.causal.trainable(), *self.head.parameters()]

    def answer(self, prompt: Prompt, completion: Completion, key: int) -> TokenizedCompletion:
        """The completion as this model reads it: its text and an end, where the score is read, whoever cut it off."""
        return tokenized(self.causal, self.causal.encode_prompt(prompt), completion, key, judged=True)

    def outputs_at(self, hidden_XD: Tensor, place_N: Tensor) -> Tensor:
        """The head's outputs at places of what the decoder made of a batch, flattened, [N, M], float32."""
        raw_NM: Tensor = self.head(hidden_XD[place_N].float())
        return raw_NM

    def at_end(self, batch: PackedBatch) -> Tensor:
        """The head's outputs at the last token of each answer of the batch, [A, M], float32."""
        raw_AM: Tensor = self.head(self.state_at_end(batch))
        return raw_AM

    def state_at_end(self, batch: PackedBatch) -> Tensor:
        """What the head reads at the last token of each answer of the batch, [A, D], float32."""
        return batch.hidden(self.causal)[batch.last_A].float()

    def along(self, batch: PackedBatch) -> tuple[Tensor, Tensor]:
        """The head's outputs before each token of each answer, [N, M], and at the last ones, [A, M], float32."""
        hidden_XD = batch.hidden(self.causal)
        before_NM: Tensor = self.head(hidden_XD[batch.source_N].float())
        last_AM: Tensor = self.head(hidden_XD[batch.last_A].float())
        return before_NM, last_AM

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """One score a completion; `prompts[i]` is what `completions[i]` answers."""
        answers = self._answers(prompts, completions)
        overall, parts = self._scores(answers)
        return replace(
            overall,
            components=parts,
            scale=self.score_scale if self.aggregation.rule in {"mean", "sum"} else None,
            tokens_N=np.array([len(answer.completion) for answer in answers], dtype=np.int64),
        )

    def _scores(self, answers: Sequence[TokenizedCompletion]) -> tuple[Scores, dict[str, Scores]]:
        """All components together, and those that are listed."""
        listed = self.components if self.listed is None else self.listed
        index_of = {name: self.components.index(name) for name in listed}
        if self.posterior is None:
            raw_NM = self._raw(answers)
            score_NKS = self._by_component(self.normalised(raw_NM))
            parts = {name: _over_members(score_NKS[:, index]) for name, index in index_of.items()}
            return _over_members(self.overall(raw_NM)), parts
        state_ND = self._states(answers)
        raw_NM = self._outputs(state_ND)
        drawn_RNM = raw_NM + self.posterior.offsets(state_ND, max(2, DRAWS // self.members // 2 * 2))
        doubt_NKS = self._by_component(self.posterior.std(state_ND) / self.score_scale)
        drawn_RNKS = [self._by_component(self.normalised(each_NM)) for each_NM in drawn_RNM]
        score_NKS = self._by_component(self.normalised(raw_NM))
        parts = {
            name: _mixture(
                np.concatenate([each_NKS[:, index] for each_NKS in drawn_RNKS], 1),
                score_NKS[:, index],
                doubt_NKS[:, index],
            )
            for name, index in index_of.items()
        }
        drawn_NS = np.concatenate([self.overall(each_NM) for each_NM in drawn_RNM], 1)
        if self.aggregation.rule not in {"mean", "sum"}:  # no weighted sum: what draws of it spread by
            return _over_members(drawn_NS), parts
        amount_K = self.aggregation.amounts(score_NKS.shape[1])
        doubt_NS = np.sqrt(np.einsum("nks,k->ns", doubt_NKS**2, amount_K**2))
        return _mixture(drawn_NS, self.overall(raw_NM), doubt_NS), parts

    def for_component(self, name: str | None) -> "ScalarHeadModel":
        """The same judge with the scores of one component alone.

        Of a name that it does not know, what is said of it by everybody: the component `shared` where there is one,
        else the judge as it is.
        """
        if name not in self.components:
            if SHARED not in self.components:
                return self
            name = SHARED
        counts = tuple(float(each == name) for each in self.components)
        return replace(self, aggregation=Aggregation(weights=counts), listed=())

    def normalised(self, raw_NM: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs as scores, [N, M]."""
        score_NM: NDArray[np.float64] = (raw_NM - np.array(self.mean_M)) / self.score_scale
        return score_NM

    def overall(self, raw_NM: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs as scores of all components together, by member, [N, S]."""
        score_NKS = self._by_component(self.normalised(raw_NM))
        reference_RKS = None if self.reference_RM is None else self._by_component(self.reference_RM)
        by_member = [
            self.aggregation(
                score_NKS[..., member],
                None if reference_RKS is None else reference_RKS[..., member],
                scale=self.score_scale,
            )
            for member in range(self.members)
        ]
        return np.stack(by_member, axis=1)

    def _by_component(self, score_NM: NDArray[np.float64]) -> NDArray[np.float64]:
        return score_NM.reshape(len(score_NM), max(1, len(self.components)), self.members)

    def raw(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> NDArray[np.float64]:
        """Each output for each completion as it comes, [N, M]."""
        return self._raw(self._answers(prompts, completions))

    def _answers(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[TokenizedCompletion]:
        if len(prompts) != len(completions):
            raise ValueError(f"{len(prompts)} prompts but {len(completions)} completions")
        heads = self.causal.encode_prompts(prompts)
        return [
            tokenized(self.causal, heads[prompt.id], completion, key, judged=True)
            for key, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
        ]

    def states(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> NDArray[np.float64]:
        """What the head reads of each completion, [N, D]."""
        return self._states(self._answers(prompts, completions))

    @without_gradients
    def _states(self, answers: Sequence[TokenizedCompletion]) -> NDArray[np.float64]:
        state_ND = np.zeros((len(answers), self.causal.width))
        for batch in pack(self.causal, answers, batch_tokens=reading_tokens(self.causal)):
            state_ND[list(batch.keys)] = self.state_at_end(batch).double().cpu().numpy()
        return state_ND

    @without_gradients
    def _outputs(self, state_ND: NDArray[np.float64]) -> NDArray[np.float64]:
        state = torch.tensor(state_ND, dtype=torch.float32, device=self.head.weight.device)
        raw_NM: NDArray[np.float64] = self.head(state).double().cpu().numpy()
        return raw_NM

    @without_gradients
    def _raw(self, answers: Sequence[TokenizedCompletion]) -> NDArray[np.float64]:
        raw_NM = np.zeros((len(answers), len(self.mean_M)))
        for batch in pack(self.causal, answers, batch_tokens=reading_tokens(self.causal)):
            raw_NM[list(batch.keys)] = self.at_end(batch).double().cpu().numpy()
        return raw_NM

    def save(self, folder: Path) -> None:
        """Write the decoder (as `CausalModel.save`) and the head with its normalisation."""
        self.causal.save(folder)
        normalisation = torch.tensor([*self.mean_M, self.score_scale], dtype=torch.float64)
        weights = {"weight": self.head.weight, "bias": self.head.bias}
        content = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
        content["normalisation"] = normalisation
        if self.reference_RM is not None:
            content["reference"] = torch.tensor(self.reference_RM)
        save_file(content, folder / HEAD, metadata=self._layout)
        if self.posterior is not None:
            self.posterior.save(folder)

    @property
    def _layout(self) -> dict[str, str]:
        """One entry alone: of several, safetensors draws the order, and the same model has other bytes each time."""
        layout = {
            "components": self.components,
            "members": self.members,
            "aggregation": asdict(self.aggregation),
            "listed": self.listed,
        }
        return {"layout": json.dumps(layout)}


def is_reward_model(folder: Path) -> bool:
    """Whether a folder holds what `ScalarHeadModel.save` writes."""
    return (folder / HEAD).is_file()


def _over_members(score_NS: NDArray[np.float64]) -> Scores:
    """The mean of members, and what they say of its doubt; of one member, none."""
    if score_NS.shape[1] == 1:
        return Scores(score_NS[:, 0])
    return Scores(score_NS.mean(1), score_NS.std(1, ddof=1), members_NS=score_NS)


def _mixture(drawn_ND: NDArray[np.float64], score_NS: NDArray[np.float64], doubt_NS: NDArray[np.float64]) -> Scores:
    """Scores of members with their own standard deviations, and draws of all of them."""
    between_N = score_NS.var(1, ddof=1) if score_NS.shape[1] > 1 else np.zeros(len(score_NS))
    return Scores(drawn_ND.mean(1), np.sqrt(between_N + (doubt_NS**2).mean(1)), members_NS=drawn_ND)
