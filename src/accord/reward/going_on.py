"""A learnt reward that goes on from an earlier one: its heads, the adapters of its members, the terms' parameters.

The decoder is opened from the earlier model's folder; this is what stands over it. A component that the earlier model
had keeps its heads; a new one, as of a person who said nothing before, begins at the mean of those there were.
"""

from pathlib import Path

from accord.deferred import deferred
from accord.errors import ModelError
from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.gradients import without_gradients
from accord.lm.reward_model_files import SavedHead, read_head

with deferred():
    import torch
    from safetensors.torch import load_file
    from torch import Tensor, nn

    from accord.lm.reward_model import ScalarHeadModel
    from accord.reward.heads import Heads

__all__ = ["TERMS", "take_over"]

TERMS = "terms.safetensors"
"""In the folder of a model: the parameters of the likelihood that are not the reward's."""


@without_gradients
def take_over(judge: ScalarHeadModel, heads: Heads, terms: nn.ModuleDict, folder: Path) -> None:
    """Set what stands over a new model's decoder to what the reward model in `folder` has.

    Raises `ModelError` where that has another number of members or another width, or members of another kind.
    """
    saved = read_head(folder)
    width = judge.head.in_features
    if saved.members != heads.members or saved.weight_MD.shape[1] != width:
        raise ModelError(
            f"{folder}: its head has {saved.members} members over {saved.weight_MD.shape[1]} numbers, and these "
            f"settings {heads.members} over {width}; set them alike, or begin anew"
        )
    if isinstance(judge, AdapterEnsemble):
        judge.adapters.take_over(folder)
    for name, saved_K in (("weight", saved.weight_MD), ("bias", saved.bias_M)):
        heads.set_outputs(judge, name, _by_component(saved_K, saved, heads.names).to(judge.head.weight.device))
    _take_over_terms(terms, folder)


def _by_component(saved_M: Tensor, saved: SavedHead, names: tuple[str, ...]) -> Tensor:
    """The rows of the components `names`, [K * S, ...]; all of them where both have one for everybody."""
    by_component = saved_M.reshape(max(1, len(saved.components)), saved.members, *saved_M.shape[1:])
    mean = by_component.mean(0)
    row_of = {name: row for row, name in enumerate(saved.components)}
    rows = [by_component[row_of[name]] if name in row_of else mean for name in names] or [mean]
    return torch.cat(rows)


def _take_over_terms(terms: nn.ModuleDict, folder: Path) -> None:
    """Parameters of the likelihood that both have, such as thresholds of a scale; others stay new."""
    file = folder / TERMS
    if not file.is_file():
        return
    for name, value in load_file(file).items():
        own = dict(terms.named_parameters()).get(name)
        if own is not None and own.shape == value.shape:
            own.copy_(value)
