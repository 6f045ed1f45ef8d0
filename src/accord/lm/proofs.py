"""What is tried of a model when it is loaded, before a fast path is taken.

Every path that is written here is held against the model as transformers runs it, each sequence alone in its row:

    packs    sequences share a row and a prompt is computed once; by the first backend of attention that is right, with
             the faster layers, by compiled kernels where there are any, or else without them
    keeps    keys and values stay in slots while the model's own modules write
    by_hand  the decoder that writes without the model's modules
    native   the same with compiled kernels, where there are any

Adapters that are taken along in the projections (`accord.lm.fused_adapters`) are held against peft's own layers.

Sequences are of several lengths. They stand at the first positions, across every bound that the configuration names,
and at the last positions; layers with a sliding window look back two places while they are tried, so that no long
sequence is needed to leave it. Structure is compared in float32, whatever the weights are in: how far two right ways
of computing in bfloat16 lie apart depends on the processor, and is more than many a mistake makes. Rounding is held
against rounding: a path may be no further from float32 than the model's own is, by a factor.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import count, islice
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from accord.errors import ModelError
from accord.lm.attention import AttentionChoice, use_attention
from accord.lm.causal import UNBOUNDED, CausalModel
from accord.lm.decoders import FusedDecoder, ModelDecoder
from accord.lm.flex import compile_errors
from accord.lm.fused import FAMILIES, fuse, unfuse, use_kernels
from accord.lm.fused_adapters import fuse_adapters, unfuse_adapters
from accord.lm.kv_cache import KVCache, ReachedLayers
from accord.lm.layers import each_kind_of_layer
from accord.lm.layout import AttentionLayout, Backend
from accord.lm.native_decoder import NativeDecoder
from accord.lm.out_of_memory import is_out_of_memory
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.upcast import in_float32

__all__ = ["UNREACHED", "check_decoder", "distance", "prove", "prove_adapters", "sequences_to_try"]

TOLERANCE = 1e-3  # of the norm of the hidden states, in float32
ROUNDING, COARSE = 3.0, 0.02  # how much further from float32 than the model itself; what is no matter, of the norm
ROUGH = 0.2  # of the norm of gradients, of weights that are rounded
CPU_BACKENDS: tuple[Backend, ...] = ("grouped",)
CUDA_BACKENDS: tuple[Backend, ...] = ("flex", "sdpa", "grouped")
NARROW = 2  # positions that a sliding window looks back while it is tried
PROMPT, OTHER = 4, 2  # tokens of the two prompts
LONG, SHORT, ALONE = 2, 1, 1  # of two answers to the first prompt, and of one to the other
LENGTH, PLACES = PROMPT + LONG, PROMPT + OTHER + LONG + SHORT + ALONE
BOUNDS = ("max_position_embeddings", "original_max_position_embeddings", "sliding_window", "attention_chunk_size")
UNREACHED = (ModelError, TypeError, ValueError, NotImplementedError, RuntimeError, KeyError, AttributeError, IndexError)


@torch.no_grad()
def check_decoder(causal: CausalModel) -> None:
    """Refuse what is no decoder with a linear head: every probability computed from it would be wrong."""
    *ids, last, other = islice(_tokens(causal), 5)
    ids_BT = torch.tensor([[*ids, last], [*ids, other]], device=causal.device)
    try:
        with _computing(causal, torch.float32):
            first_TD, second_TD = causal.hidden(input_ids=ids_BT)
        linear = _has_linear_head(causal, ids_BT[:1])
    except UNREACHED as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"{causal.name}: cannot be run as a decoder ({_first_line(error)}); use another causal language model"
        ) from error
    if not distance(first_TD[None, :-1], second_TD[None, :-1]) < TOLERANCE:
        raise ModelError(
            f"{causal.name}: its tokens see what comes after them, so it is no decoder; use a causal model"
        )
    if not linear:
        raise ModelError(f"{causal.name}: its logits are not a linear head over its last hidden state; not supported")


def _has_linear_head(causal: CausalModel, ids_1T: Tensor) -> bool:
    """Whether, in one pass of the whole model, the head is given what the backbone gives, and logits are what it makes.

    Within one pass nothing is computed twice, so that no rounding is in between.
    """
    head = causal.model.get_output_embeddings()
    if head is None:
        return False
    inputs: dict[str, Tensor] = {}
    hooks = [
        causal.backbone.register_forward_hook(lambda _, __, output: inputs.update(hidden=output[0])),
        head.register_forward_hook(lambda _, given, output: inputs.update(given=given[0], logits=output)),
    ]
    try:
        theirs_TV = causal.model(input_ids=ids_1T, use_cache=False).logits[0]
    finally:
        for hook in hooks:
            hook.remove()
    if inputs.keys() != {"hidden", "given", "logits"} or inputs["hidden"].shape != inputs["given"].shape:
        return False
    ours_TV = causal.finished(inputs["logits"][0]).float()
    theirs_TV = torch.where(ours_TV.isinf(), ours_TV, theirs_TV[:, : causal.known].float())
    same = torch.allclose(inputs["hidden"].float(), inputs["given"].float(), rtol=TOLERANCE)
    return same and torch.allclose(ours_TV, theirs_TV, atol=1e-2, rtol=1e-2)


@torch.no_grad()
def prove(causal: CausalModel, *, native: bool = True, attention: AttentionChoice = "auto") -> str:
    """Take each path that gives the model's own numbers. Returns why it can be run plainly only; else nothing.

    Without `native` compiled kernels are left out. `attention` is the one backend that is tried for packed rows;
    `auto` tries all that are worth it where the model is, the fastest first.
    """
    causal.packs = causal.keeps = causal.by_hand = causal.native = False
    causal.refused = {}
    causal.kernels = native
    own = causal.model.config._attn_implementation
    try:
        with _narrow_windows(causal.model):
            reason = _try_paths(causal, native, _backends(causal) if attention == "auto" else (attention,))
    except UNREACHED as error:
        if is_out_of_memory(error):
            raise  # which says nothing of the path
        causal.packs = False
        reason = _first_line(error)
    if not causal.packs:
        causal.refused = dict.fromkeys(("rows", "layers", "decoder"), reason)
        unfuse(causal.model)
        causal.model.set_attn_implementation(own)
        causal.attention = "grouped"
    if causal.packs or attention == "auto":
        return "" if causal.packs else reason
    return f'attention = "{attention}": {reason}'


@torch.no_grad()
def prove_adapters(causal: CausalModel) -> str:
    """Have a model's adapters taken along in its projections where that gives peft's own numbers; returns why not.

    What adapters add is 0 at first, so other ones are tried.
    """
    if not fuse_adapters(causal.model):
        return ""
    ids_1T = torch.tensor([list(islice(_tokens(causal), LENGTH))], device=causal.device)
    with _others_in_place(causal.model), _computing(causal, torch.float32):
        found = causal.hidden(input_ids=ids_1T)
        unfuse_adapters(causal.model)
        off = distance(found, causal.hidden(input_ids=ids_1T))
    if not off < TOLERANCE:
        return f"its adapters give other numbers in one product, by {off:.1g}"
    fuse_adapters(causal.model)
    return ""


@contextmanager
def _others_in_place(model: torch.nn.Module) -> Iterator[None]:
    """Inside the block a model's adapters add something."""
    ups = [weight for name, weight in model.named_parameters() if "lora_B" in name]
    kept = [weight.detach().clone() for weight in ups]
    try:
        for weight in ups:
            weight.copy_(torch.arange(weight.numel(), device=weight.device).cos().view_as(weight) * 0.02)
        yield
    finally:
        for weight, own in zip(ups, kept, strict=True):
            weight.copy_(own)


def _backends(causal: CausalModel) -> tuple[Backend, ...]:
    """Those worth it where the model is, the fastest first."""
    return {"cpu": CPU_BACKENDS, "cuda": CUDA_BACKENDS}.get(causal.device.type, ("sdpa", "grouped"))


def _try_paths(causal: CausalModel, native: bool, backends: Sequence[Backend]) -> str:
    """Set which paths of a model are taken; returns why it does not pack."""
    trials = [_Trial(causal, starts) for starts in _starts(causal)]
    causal.packs = True
    use_attention(causal.model)
    reason = ""
    for causal.attention in backends:
        reason = _try_backend(causal, trials, native)
        if not reason:
            break
    causal.packs = not reason
    if causal.packs:
        _try_decoders(causal, native)
    return reason


def _try_backend(causal: CausalModel, trials: Sequence["_Trial"], native: bool) -> str:
    """Why a model does not pack by its backend; with the faster layers, by kernels or not, or else without them."""
    if _family(causal) not in FAMILIES:
        causal.refused["layers"] = f"those of {_family(causal)} have no faster form"
    fuse(causal.model)
    for used in (True, False) if native else (False,):
        use_kernels(causal.model, used=used)
        reason = _why_not(causal, trials)
        if not reason:
            break
    if reason:
        causal.refused.setdefault("layers", f"fused, {reason}")
        unfuse(causal.model)
        reason = _why_not(causal, trials)
    return reason


def _why_not(causal: CausalModel, trials: Sequence["_Trial"]) -> str:
    """What is wrong with sequences that share a row, or alone in theirs where the backend takes these apart.

    An error is a reason too, but of the last resort, for a model that cannot be reached at all says so by one.
    """
    paths: dict[str, Callable[[_Trial], Callable[[torch.dtype], Tensor]]] = {"share a row": lambda trial: trial.packed}
    if causal.attention != "grouped":
        paths["have a row each"] = lambda trial: trial.unshared
    try:
        for what, path in paths.items():
            for trial in trials:
                if reason := trial.differs(path(trial)):
                    return f"sequences that {what} give {reason}"
        return _gradients_differ(causal)
    except UNREACHED + compile_errors() as error:
        if causal.attention == "grouped":
            raise
        return _first_line(error)


def _try_decoders(causal: CausalModel, native: bool) -> None:
    """Set which decoders a model that packs may have: with layers of each kind, for a step costs a pass over them.

    Sequences beyond the model's switch are read again for each token, and are not tried.
    """
    with each_kind_of_layer(causal):
        trial = _Trial(causal, _starts(causal)[0])
        causal.keeps = _holds(trial, ModelDecoder, "decoder")
        if causal.keeps and _family(causal) not in FAMILIES:
            causal.refused["by_hand"] = f"{_family(causal)} is none of {', '.join(sorted(FAMILIES))}"
        causal.by_hand = causal.keeps and _family(causal) in FAMILIES and _holds(trial, FusedDecoder, "by_hand")
        if not native:
            causal.refused["native"] = "native is off"
        causal.native = causal.by_hand and native and _holds(trial, NativeDecoder, "native")


@torch.enable_grad()
def _gradients_differ(causal: CausalModel) -> str:
    """Why a backend is not to be learnt by: its gradients of the embeddings are not those of plain products."""
    backend = causal.attention
    if backend == "grouped" or (backend == "flex" and causal.device.type == "cpu"):  # flex has none there
        return ""
    (batch,) = pack(causal, sequences_to_try(causal), row_tokens=PLACES)
    embedded: list[Tensor] = []

    def leaf(_: Any, __: Any, output: Tensor) -> Tensor:
        embedded.append(output.detach().requires_grad_())
        return embedded[-1]

    def gradient() -> Tensor:
        hidden_XD = batch.hidden(causal)[batch.place_N].float()
        weight_XD = torch.arange(hidden_XD.numel(), device=hidden_XD.device).cos().view_as(hidden_XD)
        return torch.autograd.grad((hidden_XD * weight_XD).sum(), embedded[-1])[0]

    hook = causal.model.get_input_embeddings().register_forward_hook(leaf)
    try:
        found = gradient()
        causal.attention = "grouped"
        off = distance(found, gradient())
    finally:
        causal.attention = backend
        hook.remove()
    allowed = TOLERANCE if causal.dtype == torch.float32 else ROUGH
    return "" if off < allowed else f"gradients that are not those of plain products, by {off:.1g}"


def _family(causal: CausalModel) -> str:
    return str(causal.model.config.get_text_config().model_type)


def _holds(trial: "_Trial", kind: type[ModelDecoder], part: str) -> bool:
    """Whether a decoder writes as the model reads; where not, why stands in `refused` under `part`."""
    try:
        reason = trial.differs(lambda dtype: trial.written(kind, dtype))
    except UNREACHED as error:  # one that cannot run this model
        if is_out_of_memory(error):
            raise
        reason = _first_line(error)
    if reason:
        trial.causal.refused[part] = reason
    return not reason


class _Trial:
    """Sequences at some starting positions, as the model itself reads them and as fast paths do.

    At each start stand two answers to a prompt and one to another; what is compared are the hidden states where the
    prompts end and at all tokens of the answers, [starts, places, D].
    """

    def __init__(self, causal: CausalModel, starts: Sequence[int]) -> None:
        self.causal, self.starts = causal, torch.tensor(starts, device=causal.device)
        self.answers = sequences_to_try(causal)
        self.exact = self.alone(torch.float32)
        self.own = self.alone(causal.dtype) if causal.dtype != torch.float32 else self.exact

    def differs(self, path: Callable[[torch.dtype], Tensor]) -> str:
        """How the numbers of a path differ from the model's own; empty where they do not."""
        off = distance(path(torch.float32), self.exact)
        if not off < TOLERANCE:
            return f"other numbers than each alone, by {off:.1g}"
        if self.causal.dtype == torch.float32:
            return ""
        away, allowed = distance(path(self.causal.dtype), self.exact), ROUNDING * distance(self.own, self.exact)
        return "" if away < max(allowed, COARSE) else f"numbers that are rounded by {away:.1g}, not {allowed:.1g}"

    def unshared(self, dtype: torch.dtype) -> Tensor:
        """As `alone`, by the backend."""
        causal, rows = self.causal, len(self.starts) * len(self.answers)
        layout = AttentionLayout((rows, LENGTH, LENGTH), causal.device, LENGTH - 1, causal.window, causal.attention)
        return self.alone(dtype, **layout.inputs())

    def alone(self, dtype: torch.dtype, **inputs: Any) -> Tensor:
        """Each sequence in a row of its own, padded where nothing looks."""
        ids = torch.zeros(len(self.answers), LENGTH, dtype=torch.long, device=self.causal.device)
        for row, each in enumerate(self.answers):
            both = each.prompt + each.completion
            ids[row, : len(both)] = torch.tensor(both)
        positions = self.starts[:, None, None] + torch.arange(LENGTH, device=ids.device)
        with _computing(self.causal, dtype):
            hidden = self.causal.hidden(
                input_ids=ids.repeat(len(self.starts), 1),
                position_ids=positions.expand(-1, len(ids), -1).flatten(0, 1),
                **inputs,
            )
        return self._compared(hidden.view(len(self.starts), len(ids), LENGTH, -1))

    def packed(self, dtype: torch.dtype) -> Tensor:
        """All sequences of a start in one row."""
        starts = len(self.starts)
        (batch,) = pack(self.causal, self.answers, row_tokens=PLACES)
        reached = ReachedLayers()
        rows = replace(
            batch,
            input_ids=batch.input_ids.repeat(starts, 1),
            position_ids=batch.position_ids + self.starts[:, None],
            segment_ids=batch.segment_ids.repeat(starts, 1),
            root_ids=batch.root_ids.repeat(starts, 1),
        )
        with _computing(self.causal, dtype):
            hidden_SXD = rows.hidden(self.causal, kv_cache=reached).view(starts, PLACES, -1)
        if len(reached) != self.causal.layers:
            raise ValueError(f"{len(reached)} of {self.causal.layers} layers attend through the interface")
        wanted: list[int] = []
        for each in self.answers:
            own_N = batch.owner_N == batch.keys.index(each.key)
            wanted += [int(batch.source_N[own_N][0]), *batch.place_N[own_N].tolist()]
        return hidden_SXD[:, wanted]

    def written(self, kind: type[ModelDecoder], dtype: torch.dtype) -> Tensor:
        """The same tokens as a decoder takes them, one by one: a slot for each answer, the longer one last to run."""
        long, _, alone = self.answers
        starts, n = self.starts, len(self.starts)
        decoder = kind.to_try(self.causal, dtype)
        with _computing(self.causal, dtype):
            decoder.start = starts.repeat(2)
            last, kv = decoder.prefill_padded([long.prompt] * n + [alone.prompt] * n)
            cache = KVCache(3 * n, LENGTH)
            for start in range(n):
                cache.fill([start, n + start], kv[:, :, start])
                cache.fill([2 * n + start], kv[:, :, n + start, :, :OTHER])
            begun = [each.prompt + each.completion[:1] for each in self.answers for _ in range(n)]
            decoder.start = starts.repeat(3)
            first = decoder.step(cache, begun).split(n)
            decoder.start = starts
            second = decoder.step(cache, [long.prompt + long.completion] * n)
        end, other = last.split(n)
        return torch.stack([end, first[0], second, end, first[1], other, first[2]], 1)

    def _compared(self, hidden_SATD: Tensor) -> Tensor:
        """What is compared, of all that was read."""
        parts = [
            hidden_SATD[:, row, len(each.prompt) - 1 : len(each.prompt) + len(each.completion)]
            for row, each in enumerate(self.answers)
        ]
        return torch.cat(parts, 1)


def sequences_to_try(causal: CausalModel) -> list[TokenizedCompletion]:
    """Two to a prompt and one to another."""
    tokens = _tokens(causal)
    prompt, other, long, short, alone = (tuple(islice(tokens, size)) for size in (PROMPT, OTHER, LONG, SHORT, ALONE))
    return [
        TokenizedCompletion(prompt, long, 0),
        TokenizedCompletion(prompt, short, 1),
        TokenizedCompletion(other, alone, 2),
    ]


def _computing(causal: CausalModel, dtype: torch.dtype) -> AbstractContextManager[None]:
    """The decoder computes in float32 inside, whatever its weights are in; or as it is."""
    if dtype != torch.float32:
        return nullcontext()
    return in_float32(causal.backbone, causal.model.get_input_embeddings(), causal.layers)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def distance(found_SXD: Tensor, wanted_SXD: Tensor) -> float:
    """How far numbers lie apart, of their norm, at the start where it is most; NaN where one is."""
    found_SN, wanted_SN = found_SXD.float().flatten(1), wanted_SXD.float().flatten(1)
    return float(((found_SN - wanted_SN).norm(dim=1) / wanted_SN.norm(dim=1)).max())


def _tokens(causal: CausalModel) -> Iterator[int]:
    """Ids from all over the vocabulary: the first ones are often control tokens, whose states are like no text's."""
    return ((1 + 7919 * number) % causal.known for number in count())


def _starts(causal: CausalModel) -> list[list[int]]:
    """The positions at which sequences begin while they are tried: those of one list are read together.

    The first, across each bound of the configuration and the last, as far as the model has positions; those that leave
    the model's `switch` behind apart from those that do not.
    """
    config: Any = causal.model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    named = [vars(config), rope, *(each for each in rope.values() if isinstance(each, dict))]
    bounds = {each[name] for each in named for name in BOUNDS if isinstance(each.get(name), int)}
    last = causal.context - LENGTH
    bounds |= {causal.context} - {UNBOUNDED}
    starts = {0} | {max(0, min(last, bound - PROMPT)) for bound in bounds}
    short = sorted(start for start in starts if start + LENGTH <= causal.switch)
    return [each for each in (short, sorted(starts - set(short))) if each]


@contextmanager
def _narrow_windows(model: PreTrainedModel) -> Iterator[None]:
    """Inside the block, layers that look back a bounded number of positions look back `NARROW`."""
    config: Any = model.config
    owners = [config.get_text_config(), *model.modules()]
    windowed = [
        (owner, name, value)
        for owner in owners
        for name in ("sliding_window", "attention_chunk_size")
        if type(value := owner.__dict__.get(name)) is int
    ]
    try:
        for owner, name, _ in windowed:
            setattr(owner, name, NARROW)
        yield
    finally:
        for owner, name, value in windowed:
            setattr(owner, name, value)
