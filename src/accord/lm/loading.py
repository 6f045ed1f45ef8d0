"""Opening a model: any Hugging Face decoder by hub id or path, the packaged one by name, a tiny one built in code."""

import logging
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import constants as hub
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from accord.errors import ForeignCodeError, ModelError, SlowPathWarning, storage
from accord.lm import packaged, tiny
from accord.lm.adapter_files import ADAPTER, base_of, has_adapter_file, revision_of
from accord.lm.adapter_merging import merge_adapters
from accord.lm.adapters import put_on
from accord.lm.attention import AttentionChoice
from accord.lm.causal import CausalModel
from accord.lm.memory import keep_large_buffers
from accord.lm.products import use_wide_products
from accord.lm.proofs import check_decoder, prove, prove_adapters
from accord.lm.quantised import quantised_in, round_as_quantised
from accord.records import Prompt

__all__ = [
    "UNLOADABLE",
    "DType",
    "commit_of",
    "fetched_commit",
    "load",
    "open_tokenizer",
    "place_of",
    "read_tokenizer",
    "reason_of",
    "refusal",
    "wrap",
]

UNLOADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    ImportError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    SafetensorError,
    StrictDataclassError,
)
"""What transformers raises where the files of a model are not what they should be: it checks few of their values."""

log = logging.getLogger("accord")
DECODER = "causal language model"  # what most models here are, in messages
DType = Literal["float32", "bfloat16"]


def load(
    name: str | Path,
    *,
    dtype: DType = "float32",
    device: str = "cpu",
    seed: int = 0,
    trust_remote_code: bool = False,
    merge: bool = False,
    revision: str | None = None,
    native: bool = True,
    attention: AttentionChoice = "auto",
) -> CausalModel:
    """A model by packaged name, `tiny`, path or hub id; of the hub, at a branch, tag or commit (`revision`).

    `seed` draws the weights of `tiny` alone; with `merge`, saved adapters are added into the weights that they belong
    to. Without `native` compiled kernels are left out; `attention` is the one backend that is tried for packed rows.
    Raises `ModelError` where there is no such model, or it is no
    decoder, `ForeignCodeError` where it comes with code of its own and `trust_remote_code` does not say that this may
    run.
    """
    keep_large_buffers()
    disable_progress_bar()
    name = str(name)
    if name == tiny.NAME:
        tiny_model: Any = tiny.tiny_model(seed=seed)
        tiny_model.to(device=device, dtype=getattr(torch, dtype))
        return wrap(tiny_model.eval(), tiny.tiny_tokenizer(), name, native=native, attention=attention)
    source = str(packaged.packaged()) if name == packaged.NAME else place_of(name)
    try:
        model, base = _open(source, revision, dtype, trust_remote_code, merges=merge)
        if merge and has_adapter_file(source):
            model, base = merge_adapters(model).requires_grad_(True), ""  # peft had frozen what is under adapters
    except UNLOADABLE as error:
        raise refusal(name, source, error) from error
    tokenizer = _tokenizer(name, source, revision=revision, trust_remote_code=trust_remote_code)
    return wrap(model.to(device).eval(), tokenizer, name, base=base, native=native, attention=attention)


def open_tokenizer(
    name: str | Path,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    local: bool = False,
    kind: str = DECODER,
) -> tuple[PreTrainedTokenizerBase, Any]:
    """The tokenizer and the configuration of a model, without its weights; nothing is fetched where `local`.

    `kind` is what the model is called where there is none: raises `ModelError` then, `ForeignCodeError` as `load` does.
    """
    name = str(name)
    if name == tiny.NAME:
        return tiny.tiny_tokenizer(), tiny.tiny_config()
    source = str(packaged.packaged()) if name == packaged.NAME else place_of(name)
    form: dict[str, Any] = {"trust_remote_code": trust_remote_code, "local_files_only": local}
    try:
        if has_adapter_file(source):
            base, of_base = place_of(base_of(source)), revision_of(source)
        else:
            base, of_base = source, revision
        tokenizer = read_tokenizer(source, **form, revision=revision)
        return tokenizer, AutoConfig.from_pretrained(base, **form, revision=of_base)
    except UNLOADABLE as error:
        raise refusal(name, source, error, kind) from error


def wrap(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    *,
    base: str = "",
    native: bool = True,
    attention: AttentionChoice = "auto",
) -> CausalModel:
    """A model that is already open, on the fastest path on which it gives its own numbers; see `load` on the last two.

    Raises `ModelError` where it is no decoder with a linear head; warns where it can only be run plainly.
    """
    causal = CausalModel(model, tokenizer, name, base)
    _check_ids(causal)
    check_decoder(causal)
    use_wide_products(model)
    if causal.has_adapters and (apart := prove_adapters(causal)):
        log.warning("%s: %s; they are computed apart, which is slower", name, apart)
    reason = prove(causal, native=native, attention=attention)
    if reason:
        warnings.warn(
            f"{name}: its attention cannot be reached ({reason}); every sequence has a row of its own and is read "
            "again for every token written, which is slow",
            SlowPathWarning,
            stacklevel=3,
        )
    return causal


def place_of(name: str) -> str:
    """The absolute path of a model's folder, or the hub id as it is."""
    path = Path(name).expanduser()
    with storage(name):
        is_folder, is_there = path.is_dir(), path.exists()
    if is_folder:
        if not any((path / file).is_file() for file in ("config.json", ADAPTER)):
            raise ModelError(f"{name}: no model in this folder (no config.json and no {ADAPTER})")
        return str(path.resolve())
    if is_there or path.is_absolute() or name.startswith(("./", "../", "~")) or name.count("/") > 1:
        raise ModelError(
            f"{name}: no such model folder; give the folder of a saved model, a hub id, {packaged.NAME} or {tiny.NAME}"
        )
    return name


def commit_of(name: str, revision: str | None) -> str:
    """The commit of the hub that a branch, tag or commit of a model stands for now; offline, when it was fetched last.

    Raises `ModelError` where there is no such model.
    """
    try:
        return Path(hf_hub_download(name, "config.json", revision=revision)).parent.name
    except UNLOADABLE as error:
        raise ModelError(f"{name}: {reason_of(name, error)}") from error


def fetched_commit(name: str, revision: str | None) -> str | None:
    """The commit of the hub at which a model was fetched last; None for what was not fetched from there."""
    if name in {packaged.NAME, tiny.NAME} or Path(name).expanduser().is_dir():
        return None
    try:
        file = try_to_load_from_cache(name, "config.json", revision=revision)
    except HFValidationError:  # no name that a model of the hub can have
        return None
    return Path(file).parent.name if isinstance(file, str) else None


def _tokenizer(name: str, source: str, **form: Any) -> PreTrainedTokenizerBase:
    """Its own, or that of the model that its adapters belong to, where they came without. Raises `ModelError`."""
    try:
        return read_tokenizer(source, **form)
    except UNLOADABLE as error:
        first, *_ = str(error).strip().splitlines() or [type(error).__name__]
        if not Path(source).is_dir() or "trust_remote_code" in str(error):
            raise refusal(name, source, error) from error
        raise ModelError(
            f"{name}: its tokenizer cannot be read ({first}); put the tokenizer's files beside the model"
        ) from error


def read_tokenizer(source: str, **form: Any) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, or of the model that adapters there belong to, where they came without.

    Raises one of `UNLOADABLE` where its files are not what they should be.
    """
    try:
        loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, **form)
    except (OSError, ValueError):
        if not has_adapter_file(source):
            raise
        return read_tokenizer(place_of(base_of(source)), **{**form, "revision": revision_of(source)})
    except Exception as error:
        if type(error) is Exception:  # tokenizers has no other class for a file that it cannot read
            raise ValueError(f"not as tokenizers writes it: {str(error)[:200]}") from error
        raise
    if not isinstance(loaded.model_max_length, int | float):
        raise TypeError(f"its model_max_length is {loaded.model_max_length!r}, which is no number")
    return loaded


def _check_ids(causal: CausalModel) -> None:
    """Refuse a model without layers, and one whose embedding has no row for what every prompt or answer holds."""
    if causal.layers < 1:
        raise ModelError(f"{causal.name}: a decoder of {causal.layers} layers; correct num_hidden_layers")
    eos = causal.tokenizer.eos_token_id
    needed = {eos} if isinstance(eos, int) else set()
    if causal.tokenizer.chat_template is not None:
        with suppress(ModelError):  # a template that cannot be rendered is told of where it is used
            needed |= set(causal.encode_prompt(Prompt.ask("?")))
    beyond = sorted(token for token in needed if token >= causal.vocabulary)
    if beyond:
        raise ModelError(
            f"{causal.name}: its tokenizer gives ids up to {beyond[-1]}, its embedding has {causal.vocabulary} rows; "
            "resize the model's embeddings to its tokenizer and save it again"
        )


def _open(source: str, revision: str | None, dtype: DType, trust_remote_code: bool, *, merges: bool) -> tuple[Any, str]:
    """The model, and where the weights lie that its adapters belong to; `merges`: these are in float32."""
    if has_adapter_file(source):
        base = base_of(source)
        decoder, base = _open(place_of(base), revision_of(source), dtype, trust_remote_code, merges=merges)
        if quantised_in(source):
            round_as_quantised(decoder)
        return put_on(decoder, source, wide=merges), base
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        source,
        revision=revision,
        dtype=getattr(torch, dtype),
        trust_remote_code=trust_remote_code,
        use_safetensors=True,
        output_loading_info=True,
    )
    model, loading_info = loaded
    if loading_info["missing_keys"]:
        missing = sorted(loading_info["missing_keys"])
        raise ValueError(f"the file lacks {len(missing)} of its weights, such as {missing[0]}; save or fetch it again")
    return model, source


def refusal(name: str, source: str, error: Exception, kind: str = DECODER) -> ModelError:
    """What to raise where transformers could not open a model: in one line, with the remedy."""
    if "trust_remote_code" in str(error):
        return ForeignCodeError(
            f"{name}: it comes with code of its own, which runs only where trust_remote_code is set: read it first"
        )
    return ModelError(f"{name}: {reason_of(source, error, kind)}")


def reason_of(source: str, error: Exception, kind: str = DECODER) -> str:
    """One line: why a model of a kind cannot be opened, and what to do."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if "Padding_idx" in str(error):
        return "its padding token has no row in its embedding; correct pad_token_id in its config.json"
    if "size mismatch" in str(error) and has_adapter_file(source):
        return (
            "its adapters belong to embeddings of another size; resize those of their model, merge the adapters into "
            "it and give the folder of what comes of it"
        )
    if isinstance(error, SafetensorError):
        return f"a weight file in {source} is damaged ({lines[0]}); save or fetch it again"
    if Path(source).is_dir() or not isinstance(error, OSError):
        return f"cannot be loaded as a {kind} ({lines[0]})"
    if hub.HF_HUB_OFFLINE:
        return "not in the local cache, and HF_HUB_OFFLINE keeps the hub away; unset it, or give the folder of a model"
    return f"could not be had from the hub ({lines[0]}); check the name and the network, or give the folder of a model"
