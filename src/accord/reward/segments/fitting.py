"""One step of fitting a reward along texts: logistic regressions at the ends of segments."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from accord.artefacts import RewardMetrics
from accord.lm.packed import PackedBatch, length_of
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.settings import ModelSettings
from accord.reward.heads import Heads
from accord.reward.observations import Observation, completions_of
from accord.reward.prior import Prior
from accord.reward.segments.reading import ReadText, outputs
from accord.train import BatchLimits, Optimiser
from accord.train.host_reads import host_values
from accord.train.ranks import own_share, sum_numbers

__all__ = ["SegmentFitting", "segment_loss", "start_at_base_rates"]


def segment_loss(logit_RM: Tensor, target_R: Tensor, weight_RS: Tensor, output_R: Tensor) -> Tensor:
    """The weighted negative log-likelihood of R labels, nats, a scalar: its mean over members, its sum over labels.

    logit_RM   outputs where each label is, M = K * S by component and member
    target_R   1 or 0
    weight_RS  what each label weighs for each member
    output_R   which of the K components each label is about
    """
    members = weight_RS.shape[1]
    logit_RKS = logit_RM.reshape(len(logit_RM), -1, members)
    logit_RS = logit_RKS[torch.arange(len(logit_RM), device=logit_RM.device), output_R]
    loss_RS = binary_cross_entropy_with_logits(logit_RS, target_R[:, None].expand_as(logit_RS), reduction="none")
    return (weight_RS * loss_RS).mean(1).sum()


@dataclass(frozen=True)
class SegmentFitting:
    """What the steps of a fit share. `content` of an observation is `Labels`, in the text of its one completion."""

    settings: ModelSettings
    judge: ScalarHeadModel
    texts: Mapping[str, ReadText]
    heads: Heads
    optimiser: Optimiser
    limits: BatchLimits
    mean_weight: float
    prior: Prior

    def update(self, groups: Sequence[Sequence[Observation]], step: int) -> RewardMetrics:
        """Move the weights by the observations of some groups; the loss is the weighted mean over their labels.

        Every text is read once, whoever judged it and however often.
        """
        observations = [each for group in groups for each in group]
        names = completions_of(observations)
        answers = own_share([replace(self.texts[name].answer, key=key) for key, name in enumerate(names)], length_of)
        weight = self.mean_weight * sum(len(each.content.labels) for each in observations)
        loss: float | Tensor = 0.0
        for batch in self.limits.pack(self.judge.causal, answers):
            said = [[each for each in observations if each.completions == (names[key],)] for key in batch.keys]
            with self.settings.updating(self.judge.causal):
                loss += self.optimiser.add(self._loss(batch, said) / weight)
        penalty = self.prior.add(self.optimiser)
        rate = self.optimiser.rate
        norm = self.optimiser.step()
        return RewardMetrics(
            step=step,
            loss=sum_numbers({"loss": loss})["loss"],
            accuracy=None,
            pairs=0,
            observations=dict(Counter(each.content.kind for each in observations)),
            penalty=host_values([penalty])[0],
            lr=rate,
            grad_norm=norm,
        )

    def _loss(self, batch: PackedBatch, said: Sequence[Sequence[Observation]]) -> Tensor:
        """The loss of what was said of each completion of a batch, before it is divided by the step's weight."""
        if not said:
            return outputs(self.judge, batch, []).sum()  # of nothing: a pass that is made for company
        labels = [[label for each in some for label in each.content.labels] for some in said]
        observations = [each for some in said for each in some]
        weight_OS = self.heads.weights(observations)
        count_O = torch.tensor([len(each.content.labels) for each in observations])
        weight_RS = weight_OS.repeat_interleave(count_O, dim=0)
        flat = [label for some in labels for label in some]
        device = self.judge.causal.device
        return segment_loss(
            outputs(self.judge, batch, [[label.token for label in some] for some in labels]),
            torch.tensor([label.target for label in flat], device=device),
            weight_RS.to(device),
            torch.tensor([label.output for label in flat], dtype=torch.long, device=device),
        )


def start_at_base_rates(judge: ScalarHeadModel, observations: Sequence[Observation]) -> None:
    """Let each output begin at the log-odds of how often what it is about is so, by weight; one of each is added."""
    components = len(judge.mean_M) // judge.members
    yes, no = [1.0] * components, [1.0] * components
    for each in observations:
        for label in each.content.labels:
            yes[label.output] += each.weight * label.target
            no[label.output] += each.weight * (1 - label.target)
    odds_K = torch.tensor(yes).log() - torch.tensor(no).log()
    with torch.no_grad():
        assert isinstance(judge.head, nn.Linear)
        judge.head.bias.copy_(odds_K.repeat_interleave(judge.members))
