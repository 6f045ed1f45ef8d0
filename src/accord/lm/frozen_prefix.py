"""The layers below all that is trained, computed once for every pass that reads the same texts.

They are the same in a policy and in the reference that it began as, and stay so. What they make of a text is kept
until it is forgotten (once a step), token by token and without a graph; a pass whose texts are all known begins above
them. Within a step a text may be laid out otherwise than when it was first read: packed rows give what each text alone
would, to rounding.

A reference with weights of its own gives up its frozen layers for the policy's, so that they are held once.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.layers import layers_of
from accord.lm.out_of_memory import is_out_of_memory
from accord.lm.packed import PackedBatch, pack
from accord.lm.proofs import UNREACHED, distance, sequences_to_try
from accord.lm.sharding import sharded_of

if TYPE_CHECKING:
    from typing import Self

__all__ = ["FrozenPrefix", "forget_prefix", "share_prefix"]

MOST_BYTES = 256 * 2**20  # of states; texts beyond it are read anew in each pass
MOST_OF_BUDGET = 0.05  # of `memory_gb`, where that is less
TOLERANCE, COARSE = 1e-3, 0.02  # of the norm of hidden states, in float32 and in other dtypes
log = logging.getLogger("accord")

Key = tuple[tuple[int, ...], tuple[int, ...] | None, bool]


class FrozenPrefix:
    """The first layers of a decoder, and the states after them of texts, by their token ids.

    most_bytes   of states that are kept
    """

    def __init__(self, layers: Sequence[nn.Module], most_bytes: int) -> None:
        self.layers, self.most_bytes = list(layers), most_bytes
        self._states: dict[Key, Tensor] = {}
        self._bytes = 0
        self.reads = False
        self.given: Tensor | None = None
        self.found: Tensor | None = None
        for number, layer in enumerate(self.layers):
            own = type(layer)
            layer.__class__ = type(own.__name__, (_Frozen, own), {"__module__": own.__module__})
            layer.__dict__["_prefix"] = (self, number == len(self.layers) - 1)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Self":
        """Itself: copies of a model are made to be written with, not to be trained."""
        return self

    def remove(self) -> None:
        """Give the layers back as they were."""
        for layer in self.layers:
            layer.__class__ = type(layer).__bases__[1]
            del layer.__dict__["_prefix"]
            layer.__dict__.pop("_gives_tuple", None)

    def forget(self) -> None:
        """Let go of all states."""
        self._states.clear()
        self._bytes = 0

    @contextmanager
    def reading(self, batch: PackedBatch, causal: CausalModel) -> Iterator[None]:
        """Inside the block a pass over the batch begins above these layers where its texts are known; else they will
        be. Layers that drop out are passed through as they are.
        """
        if any(layer.training for layer in self.layers):
            yield
            return
        places = _places(batch, batch.longest > causal.switch)
        self.given = self._gathered(places, batch)
        self.reads, self.found = True, None
        try:
            yield
            if self.found is not None:
                self._keep(places, self.found)
        finally:
            self.reads, self.given, self.found = False, None, None

    def _keep(self, places: Sequence[tuple[Key, int]], found: Tensor) -> None:
        state_XD = found.detach().flatten(0, 1)
        if self._bytes + state_XD.nbytes > self.most_bytes:
            return
        self._bytes += state_XD.nbytes
        for key, place in places:
            self._states[key] = state_XD[place : place + _length(key)]

    def _gathered(self, places: Sequence[tuple[Key, int]], batch: PackedBatch) -> Tensor | None:
        """The states of a batch, [B, T, D], 0 where it is padding; None where a text is not known."""
        known = [self._states[key] for key, _ in places if key in self._states]
        if not known or len(known) < len(places):
            return None
        state_XD = known[0].new_zeros(batch.tokens, known[0].shape[-1])
        for (_, place), state in zip(places, known, strict=True):
            state_XD[place : place + len(state)] = state
        return state_XD.view(*batch.input_ids.shape, -1)


def _places(batch: PackedBatch, is_late: bool) -> list[tuple[Key, int]]:
    """Where the states of prompts and answers begin in the flattened rows. `is_late`: beyond the model's `switch`.

    A prompt stands in as many places as rows need it.
    """
    prompts: dict[int, Key] = {}
    places: list[tuple[Key, int]] = []
    for answer, (prompt, completion) in zip(batch.answers, batch.begins, strict=True):
        prompts[prompt] = (answer.prompt, None, is_late)
        places.append(((answer.prompt, answer.completion, is_late), completion))
    return [*((key, place) for place, key in prompts.items()), *places]


def _length(key: Key) -> int:
    prompt, completion, _ = key
    return len(prompt if completion is None else completion)


class _Frozen:
    """What a frozen layer is beside what it was. Outside of `FrozenPrefix.reading` it does what it did."""

    def forward(self: Any, *inputs: Any, **others: Any) -> Any:
        own: Any = super().forward  # type: ignore[misc]
        prefix, is_last = self.__dict__["_prefix"]
        if not prefix.reads:
            return own(*inputs, **others)
        if prefix.given is None:
            with torch.no_grad():
                output = own(*inputs, **others)
            self.__dict__["_gives_tuple"] = isinstance(output, tuple)
            if is_last:
                prefix.found = output[0] if isinstance(output, tuple) else output
            return output
        state = prefix.given if is_last else inputs[0] if inputs else others["hidden_states"]
        return (state,) if self.__dict__.get("_gives_tuple") else state


def share_prefix(policy: CausalModel, reference: CausalModel | None) -> None:
    """Have passes of a policy and its reference share what the policy's frozen layers make of a text, in place.

    Where that does not give the models' own numbers a warning says so, and each pass reads its texts from the first
    layer on; so does one of a model in parts, and of one that is trained from its first layer on.
    """
    if sharded_of(policy.model) is not None or all(weight.requires_grad for weight in policy.model.parameters()):
        return
    try:
        layers = list(layers_of(policy))[: _frozen_layers(policy)]
    except ModelError:  # which layers are below the others cannot be told
        return
    if not layers or not _gives_up(reference, policy, len(layers)):
        return
    prefix = FrozenPrefix(layers, _most_bytes(policy))
    models = [policy] if reference is None else [policy, reference]
    if reason := _differs(prefix, models):
        prefix.remove()
        log.warning("%s: its frozen layers are computed anew in each pass (%s)", policy.name, reason)
        return
    for causal in models:
        causal.prefix = prefix


def forget_prefix(*models: CausalModel | None) -> None:
    """Let go of what frozen layers made of texts: a step begins, whose numbers are to depend on nothing before it."""
    for causal in models:
        if causal is not None and causal.prefix is not None:
            causal.prefix.forget()


def _most_bytes(causal: CausalModel) -> int:
    if causal.memory_gb is None:
        return MOST_BYTES
    return min(MOST_BYTES, int(MOST_OF_BUDGET * causal.memory_gb * 1e9))


@torch.enable_grad()
def _frozen_layers(causal: CausalModel) -> int:
    """After how many layers nothing that is trained has had a part in the states yet."""
    graphs: list[bool] = []

    def note(_: Any, __: Any, output: Any) -> None:
        graphs.append((output[0] if isinstance(output, tuple) else output).requires_grad)

    (batch, *_) = pack(causal, sequences_to_try(causal))
    hooks = [layer.register_forward_hook(note) for layer in layers_of(causal)]
    try:
        batch.hidden(causal)
    finally:
        for hook in hooks:
            hook.remove()
    return graphs.index(True) if True in graphs else 0


@torch.no_grad()
def _gives_up(reference: CausalModel | None, policy: CausalModel, count: int) -> bool:
    """Give a reference the policy's first layers where its own are the same, and so are its embeddings."""
    if reference is None or reference.model is policy.model:
        return True
    ours, theirs = layers_of(policy), layers_of(reference)
    pairs = [(policy.model.get_input_embeddings(), reference.model.get_input_embeddings())]
    pairs += list(zip(list(ours)[:count], list(theirs)[:count], strict=True))
    if len(ours) != len(theirs) or not all(_same_weights(one, other) for one, other in pairs):
        return False
    for number in range(count):
        theirs[number] = ours[number]
    return True


def _same_weights(one: Any, other: Any) -> bool:
    own, theirs = dict(one.state_dict()), dict(other.state_dict())
    return own.keys() == theirs.keys() and all(torch.equal(own[name], theirs[name]) for name in own)


@torch.no_grad()
def _differs(prefix: FrozenPrefix, models: Sequence[CausalModel]) -> str:
    """Why passes that share the layers are not the models' own; empty where they are."""
    try:
        for batch in pack(models[0], sequences_to_try(models[0])):
            for causal in models:
                own = batch.hidden(causal)
                for _ in range(2):  # the first pass finds the states, others are given them
                    with prefix.reading(batch, causal):
                        off = distance(batch.hidden(causal)[None, batch.place_N], own[None, batch.place_N])
                    replace(batch, input_ids=batch.input_ids.flip(0, 1)).hidden(causal)  # leaves other things behind
                    if not off < (TOLERANCE if causal.dtype == torch.float32 else COARSE):
                        return f"states of frozen layers give other numbers, by {off:.1g}"
    except UNREACHED as error:
        if is_out_of_memory(error):
            raise
        return (str(error) or type(error).__name__).splitlines()[0]
    finally:
        prefix.forget()
    return ""
