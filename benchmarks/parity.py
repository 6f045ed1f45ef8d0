"""accord's losses beside TRL's on the same log-probabilities: the value, and its gradient by every log-probability.

TRL's loss functions are methods of its trainers: they are called on a stand-in for the trainer that hands them the
log-probabilities in place of a model's. Where TRL scales or writes a loss otherwise it is said, and gradients count.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import Tensor

from accord.policy import DPO, GRPO, IPO, KTO, RLOO
from accord.policy.gradient import Tokens
from accord.policy.pairwise import PairLogprobs

__all__ = ["parity"]

Row = dict[str, Any]
CLIP = 0.2


def parity(seed: int = 0, sequences: int = 6, length: int = 9) -> list[Row]:
    """A row a loss: both values, and the largest difference of gradients as a share of the largest gradient."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *size: torch.randn(*size, generator=generator, dtype=torch.float64)  # noqa: E731
    logprob_BT = -draw(sequences, length).abs() - 0.1
    old_BT, reference_BT = (logprob_BT + scale * draw(sequences, length) for scale in (0.2, 0.4))
    size_B = torch.randint(2, length + 1, (sequences,), generator=generator)
    mask_BT = torch.arange(length) < size_B[:, None]
    at = SimpleNamespace(
        logprob_BT=logprob_BT, old_BT=old_BT, reference_BT=reference_BT, mask_BT=mask_BT, advantage_B=draw(sequences)
    )
    rows = [_row("DPO", at, _pairs(DPO(beta=0.3)), _trl_dpo("sigmoid", 0.3))]
    rows.append(_row("DPO, noise 0.1", at, _pairs(DPO(beta=0.3, noise=0.1)), _trl_dpo("robust", 0.3, 0.1)))
    rows.append(_row("IPO, a token", at, _pairs(IPO(beta=0.3, normalised=True)), _trl_dpo("ipo", 0.3)))
    rows.append(_row("KTO", at, _pairs(KTO(beta=0.3), shift=0.4), _trl_kto(0.3, 0.4)))
    for average, theirs in (("sequence", "grpo"), ("token", "bnpo"), ("constant", "dr_grpo")):
        settings = GRPO(kl_coef=0.04, average=average, sampling={"max_tokens": length}, clip=CLIP)
        rows.append(_row(f"GRPO, {average}", at, _online(settings), _trl_grpo(theirs, 0.04, length)))
    on_policy = SimpleNamespace(**{**vars(at), "old_BT": logprob_BT})
    rows.append(_row("RLOO, on policy", on_policy, _online(RLOO()), _trl_rloo()))
    return rows


def _row(name: str, at: Any, ours: Callable[[Any], Tensor], theirs: Callable[[Any], Tensor]) -> Row:
    found = []
    for loss_of in (ours, theirs):
        leaf = at.logprob_BT.clone().requires_grad_()
        loss = loss_of(SimpleNamespace(**{**vars(at), "logprob_BT": leaf}))
        (gradient_BT,) = torch.autograd.grad(loss, leaf)
        found.append((float(loss.detach()), gradient_BT * at.mask_BT))
    gap = float((found[0][1] - found[1][1]).abs().max() / found[1][1].abs().max())
    return {"loss": name, "accord": found[0][0], "trl": found[1][0], "gradient_gap": gap}


def _pairs(settings: Any, shift: float = 0.0) -> Callable[[Any], Tensor]:
    """The first half of the sequences chosen, the second rejected, as TRL lays pairs out."""

    def loss(at: Any) -> Tensor:
        half = len(at.logprob_BT) // 2
        total_B, known_B = ((each * at.mask_BT).sum(1) for each in (at.logprob_BT, at.reference_BT))
        size_B = at.mask_BT.sum(1)
        both = [part for each in (total_B, known_B, size_B) for part in (each[:half], each[half:])]
        found: Tensor = settings.loss(PairLogprobs(*both, torch.zeros(half, dtype=torch.bool), shift)).mean()
        return found

    return loss


def _online(settings: Any) -> Callable[[Any], Tensor]:
    def loss(at: Any) -> Tensor:
        mask_BT = at.mask_BT
        advantage_BT = at.advantage_B[:, None].expand_as(mask_BT)
        parts = [each[mask_BT] for each in (at.logprob_BT, at.old_BT, at.reference_BT, advantage_BT)]
        rollout: Any = SimpleNamespace(mask_BT=mask_BT, score_B=at.advantage_B)
        weight_B = settings.weights(rollout, list(range(len(mask_BT))))
        row_N = torch.arange(len(mask_BT))[:, None].expand_as(mask_BT)[mask_BT]
        found: Tensor = (weight_B[row_N] * settings.loss(Tokens(*parts)).loss_N).sum()
        return found

    return loss


def _stand_in(**known: Any) -> Any:
    """A trainer that gathers nothing and logs nowhere."""
    trainer = MagicMock()
    for name in ("gather", "gather_for_metrics"):
        getattr(trainer.accelerator, name).side_effect = lambda value, *_: value
    trainer.accelerator.reduce.side_effect = lambda value, **_: value
    trainer.accelerator.device = torch.device("cpu")
    trainer.accelerator.num_processes = 1
    for name, value in {"aux_loss_enabled": False, "current_gradient_accumulation_steps": 1, **known}.items():
        setattr(trainer, name, value)
    return trainer


def _model(logprob_BT: Tensor) -> Any:
    nothing = torch.zeros_like(logprob_BT)
    return lambda **_: SimpleNamespace(
        log_probs=logprob_BT, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool()
    )


def _sequences(at: Any) -> dict[str, Tensor]:
    """Inputs of a trainer for pairs: one place before the completion, as its first log-probability is of place 1."""
    mask = torch.cat([torch.zeros(len(at.mask_BT), 1, dtype=torch.bool), at.mask_BT], 1).long()
    return {"input_ids": torch.zeros_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}


def _trl_dpo(kind: str, beta: float, noise: float = 0.0) -> Callable[[Any], Tensor]:
    from trl import DPOTrainer

    def loss(at: Any) -> Tensor:
        known_B = (at.reference_BT * at.mask_BT).sum(1).chunk(2)
        trainer = _stand_in(
            beta=beta,
            label_smoothing=noise,
            loss_types=[kind],
            loss_weights=[1.0],
            ld_alpha=None,
            args=MagicMock(),
            precompute_ref_logps=True,
            f_divergence_type="reverse_kl",
            use_weighting=False,
        )
        inputs = {**_sequences(at), "ref_chosen_logps": known_B[0], "ref_rejected_logps": known_B[1]}
        found: Tensor = DPOTrainer._compute_loss(trainer, _model(at.logprob_BT * at.mask_BT), inputs, False)
        return found

    return loss


def _trl_kto(beta: float, shift: float) -> Callable[[Any], Tensor]:
    from trl import KTOTrainer

    def loss(at: Any) -> Tensor:
        size = len(at.mask_BT)
        trainer = _stand_in(
            beta=beta,
            loss_type="kto",
            precompute_ref_logps=True,
            calculate_KL=True,
            desirable_weight=1.0,
            undesirable_weight=1.0,
            _tp_size=1,
            _total_train_tokens=0,
            args=MagicMock(),
        )
        trainer._compute_kl_logps.return_value = torch.full((size,), shift, dtype=torch.float64)
        inputs = {
            **_sequences(at),
            "label": torch.arange(size) < size // 2,
            "ref_logps": (at.reference_BT * at.mask_BT).sum(1),
            "ref_KL_logps": torch.zeros(size, dtype=torch.float64),
        }
        found: Tensor = KTOTrainer._compute_loss(trainer, _model(at.logprob_BT * at.mask_BT), inputs, False)
        return found

    return loss


def _prompted(at: Any) -> dict[str, Tensor]:
    prompt = torch.zeros(len(at.mask_BT), 1, dtype=torch.long)
    return {
        "prompt_ids": prompt,
        "prompt_mask": torch.ones_like(prompt),
        "completion_ids": torch.zeros_like(at.mask_BT, dtype=torch.long),
        "completion_mask": at.mask_BT.long(),
        "advantages": at.advantage_B,
    }


def _trl_grpo(kind: str, beta: float, length: int) -> Callable[[Any], Tensor]:
    from trl import GRPOTrainer

    def loss(at: Any) -> Tensor:
        args = SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1)
        trainer = _stand_in(
            beta=beta,
            loss_type=kind,
            epsilon_low=CLIP,
            epsilon_high=CLIP,
            importance_sampling_level="token",
            top_entropy_quantile=1.0,
            off_policy_mask_threshold=None,
            use_vllm=False,
            max_completion_length=length,
            _entropy_bonus_enabled=False,
            args=args,
        )
        entropies = torch.zeros_like(at.logprob_BT)
        trainer._get_per_token_logps_and_entropies.return_value = (at.logprob_BT, entropies, None)
        inputs = {**_prompted(at), "old_per_token_logps": at.old_BT, "ref_per_token_logps": at.reference_BT}
        found: Tensor = GRPOTrainer._compute_loss(trainer, None, inputs)
        return found

    return loss


def _trl_rloo() -> Callable[[Any], Tensor]:
    from trl import RLOOTrainer

    def loss(at: Any) -> Tensor:
        trainer = _stand_in(epsilon_low=CLIP, epsilon_high=CLIP)
        entropies = torch.zeros_like(at.logprob_BT)
        trainer._get_per_token_logps_and_entropies.return_value = (at.logprob_BT, entropies, None)
        inputs = {**_prompted(at), "old_logps": (at.old_BT * at.mask_BT).sum(1)}
        found: Tensor = RLOOTrainer._compute_loss(trainer, None, inputs)
        return found

    return loss
