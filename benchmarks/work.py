"""How many floating-point operations a step needs: no padding counted, a shared prompt once."""

from accord.lm import CausalModel
from benchmarks import texts
from benchmarks.limits import training_flops
from benchmarks.stages import SIZES

__all__ = ["flops_of", "places_of"]


def places_of(prompts: list[int], answers: list[list[int]]) -> tuple[int, int, float]:
    """Places, predictions and pairs of places in attention, for prompts and their answers by length in tokens."""
    places = sum(prompts) + sum(map(sum, answers))
    predictions = sum(map(sum, answers))
    scores = sum(
        p * (p + 1) / 2 + sum(a * p + a * (a + 1) / 2 for a in group) for p, group in zip(prompts, answers, strict=True)
    )
    return places, predictions, scores


def flops_of(stage: str, causal: CausalModel) -> float:
    """Of one step of a stage."""
    size = SIZES[stage]
    items = texts.items(size, answers=1, seed=1) if stage == "sft" else texts.pairs(size, seed=1)
    prompts = [len(causal.encode_prompt(item.records()[0])) for item in items]
    answers = [[len(causal.encode_completion(text)) for text in item.answers] for item in items]
    places, predictions, scores = places_of(prompts, answers)
    layers, head, width, depth = sizes_of(causal)
    flops = training_flops(
        layer_weights=layers,
        head_weights=0 if stage == "reward" else head,
        places=places,
        predictions=predictions,
        scores=scores * depth,
        width=width,
    )
    # The reference is a forward pass more, a third of the whole; adapters need no gradient of the weights below them.
    return flops * {"sft": 1.0, "reward": 1.0, "dpo": 4 / 3, "dpo_lora": 1.0}[stage]


def sizes_of(causal: CausalModel) -> tuple[int, int, int, int]:
    """Weights of the layers, of the head, width, depth."""
    embedding = causal.vocabulary * causal.width
    total = sum(weight.numel() for weight in causal.model.parameters())
    return total - embedding, embedding, causal.width, int(causal.model.config.num_hidden_layers)
