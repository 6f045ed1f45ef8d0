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
    tensors = SimpleNamespace(
        logprob_BT=logprob_BT, old_BT=old_BT, reference_BT=reference_BT, mask_BT=mask_BT, advantage_B=draw(sequences)
    )
    rows = [_row("DPO", tensors, _pairs(DPO(beta=0.3)), _trl_dpo("sigmoid", 0.3))]
    rows.append(_row("DPO, noise 0.1", tensors, _pairs(DPO(beta=0.3, noise=0.1)), _trl_dpo("robust", 0.3, 0.1)))
    rows.append(_row("IPO, a token", tensors, _pairs(IPO(beta=0.3, normalised=True)), _trl_dpo("ipo", 0.3)))
    rows.append(_row("KTO", tensors, _pairs(KTO(beta=0.3), shift=0.4), _trl_kto(0.3, 0.4)))
    for average, loss_type in (("sequence", "grpo"), ("token", "bnpo"), ("constant", "dr_grpo")):
        settings = GRPO(kl_coef=0.04, average=average, sampling={"max_tokens": length}, clip=CLIP)
        rows.append(_row(f"GRPO, {average}", tensors, _online(settings), _trl_grpo(loss_type, 0.04, length)))
    on_policy = SimpleNamespace(**{**vars(tensors), "old_BT": logprob_BT})
    rows.append(_row("RLOO, on policy", on_policy, _online(RLOO()), _trl_rloo()))
    return rows


def _row(name: str, tensors: Any, accord: Callable[[Any], Tensor], trl: Callable[[Any], Tensor]) -> Row:
    sides = []
    for loss_of in (accord, trl):
        leaf = tensors.logprob_BT.clone().requires_grad_()
        loss = loss_of(SimpleNamespace(**{**vars(tensors), "logprob_BT": leaf}))
        (gradient_BT,) = torch.autograd.grad(loss, leaf)
        sides.append((float(loss.detach()), gradient_BT * tensors.mask_BT))
    gap = float((sides[0][1] - sides[1][1]).abs().max() / sides[1][1].abs().max())
    return {"loss": name, "accord": sides[0][0], "trl": sides[1][0], "gradient_gap": gap}


def _pairs(settings: Any, shift: float = 0.0) -> Callable[[Any], Tensor]:
    """The first half of the sequences chosen, the second rejected, as TRL lays pairs out."""

    def loss(tensors: Any) -> Tensor:
        half = len(tensors.logprob_BT) // 2
        total_B, reference_B = (
            (values_B * tensors.mask_BT).sum(1) for values_B in (tensors.logprob_BT, tensors.reference_BT)
        )
        size_B = tensors.mask_BT.sum(1)
        halves = [part for values_B in (total_B, reference_B, size_B) for part in (values_B[:half], values_B[half:])]
        loss_value: Tensor = settings.loss(PairLogprobs(*halves, torch.zeros(half, dtype=torch.bool), shift)).mean()
        return loss_value

    return loss


def _online(settings: Any) -> Callable[[Any], Tensor]:
    def loss(tensors: Any) -> Tensor:
        mask_BT = tensors.mask_BT
        advantage_BT = tensors.advantage_B[:, None].expand_as(mask_BT)
        parts = [
            values_BT[mask_BT] for values_BT in (tensors.logprob_BT, tensors.old_BT, tensors.reference_BT, advantage_BT)
        ]
        rollout: Any = SimpleNamespace(mask_BT=mask_BT, score_B=tensors.advantage_B)
        weight_B = settings.weights(rollout, list(range(len(mask_BT))))
        row_N = torch.arange(len(mask_BT))[:, None].expand_as(mask_BT)[mask_BT]
        loss_value: Tensor = (weight_B[row_N] * settings.loss(Tokens(*parts)).loss_N).sum()
        return loss_value

    return loss


def _stand_in(**attributes: Any) -> Any:
    """A trainer that gathers nothing and logs nowhere."""
    trainer = MagicMock()
    for name in ("gather", "gather_for_metrics"):
        getattr(trainer.accelerator, name).side_effect = lambda value, *_: value
    trainer.accelerator.reduce.side_effect = lambda value, **_: value
    trainer.accelerator.device = torch.device("cpu")
    trainer.accelerator.num_processes = 1
    for name, value in {"aux_loss_enabled": False, "current_gradient_accumulation_steps": 1, **attributes}.items():
        setattr(trainer, name, value)
    return trainer


def _model(logprob_BT: Tensor) -> Any:
    nothing = torch.zeros_like(logprob_BT)
    return lambda **_: SimpleNamespace(
        log_probs=logprob_BT, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool()
    )


def _sequences(tensors: Any) -> dict[str, Tensor]:
    """Inputs of a trainer for pairs: one place before the completion, as its first log-probability is of place 1."""
    mask = torch.cat([torch.zeros(len(tensors.mask_BT), 1, dtype=torch.bool), tensors.mask_BT], 1).long()
    return {"input_ids": torch.zeros_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}


def _trl_dpo(kind: str, beta: float, noise: float = 0.0) -> Callable[[Any], Tensor]:
    from trl import DPOTrainer

    def loss(tensors: Any) -> Tensor:
        reference_B = (tensors.reference_BT * tensors.mask_BT).sum(1).chunk(2)
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
        inputs = {**_sequences(tensors), "ref_chosen_logps": reference_B[0], "ref_rejected_logps": reference_B[1]}
        loss_value: Tensor = DPOTrainer._compute_loss(
            trainer, _model(tensors.logprob_BT * tensors.mask_BT), inputs, False
        )
        return loss_value

    return loss


def _trl_kto(beta: float, shift: float) -> Callable[[Any], Tensor]:
    from trl import KTOTrainer

    def loss(tensors: Any) -> Tensor:
        size = len(tensors.mask_BT)
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
            **_sequences(tensors),
            "label": torch.arange(size) < size // 2,
            "ref_logps": (tensors.reference_BT * tensors.mask_BT).sum(1),
            "ref_KL_logps": torch.zeros(size, dtype=torch.float64),
        }
        loss_value: Tensor = KTOTrainer._compute_loss(
            trainer, _model(tensors.logprob_BT * tensors.mask_BT), inputs, False
        )
        return loss_value

    return loss


def _prompted(tensors: Any) -> dict[str, Tensor]:
    prompt = torch.zeros(len(tensors.mask_BT), 1, dtype=torch.long)
    return {
        "prompt_ids": prompt,
        "prompt_mask": torch.ones_like(prompt),
        "completion_ids": torch.zeros_like(tensors.mask_BT, dtype=torch.long),
        "completion_mask": tensors.mask_BT.long(),
        "advantages": tensors.advantage_B,
    }


def _trl_grpo(kind: str, beta: float, length: int) -> Callable[[Any], Tensor]:
    from trl import GRPOTrainer

    def loss(tensors: Any) -> Tensor:
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
        entropies = torch.zeros_like(tensors.logprob_BT)
        trainer._get_per_token_logps_and_entropies.return_value = (tensors.logprob_BT, entropies, None)
        inputs = {
            **_prompted(tensors),
            "old_per_token_logps": tensors.old_BT,
            "ref_per_token_logps": tensors.reference_BT,
        }
        loss_value: Tensor = GRPOTrainer._compute_loss(trainer, None, inputs)
        return loss_value

    return loss


def _trl_rloo() -> Callable[[Any], Tensor]:
    from trl import RLOOTrainer

    def loss(tensors: Any) -> Tensor:
        trainer = _stand_in(epsilon_low=CLIP, epsilon_high=CLIP)
        entropies = torch.zeros_like(tensors.logprob_BT)
        trainer._get_per_token_logps_and_entropies.return_value = (tensors.logprob_BT, entropies, None)
        inputs = {**_prompted(tensors), "old_logps": (tensors.old_BT * tensors.mask_BT).sum(1)}
        loss_value: Tensor = RLOOTrainer._compute_loss(trainer, None, inputs)
        return loss_value

    return loss
