"""What stands in the way of opening a model, and how large it is, without reading its weights."""

import json
from pathlib import Path
from typing import Any

from accord.deferred import deferred
from accord.errors import AccordError, ModelError
from accord.lm import packaged, tiny
from accord.lm.adapter_files import base_of, has_adapter_file, revision_of
from accord.lm.device import device_problem
from accord.lm.settings import ModelForm, ModelSettings
from accord.records import Prompt

with deferred():
    import jinja2
    import torch
    from huggingface_hub import constants as hub
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import try_to_load_from_cache
    from safetensors import SafetensorError, safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    from accord.lm import loading
    from accord.lm.adapters import check_kind
    from accord.lm.causal import CausalModel
    from accord.lm.classifier import CLASSIFIER, head_weights, read_classifier_tokenizer
    from accord.lm.loading import place_of, read_tokenizer, reason_of, refusal

__all__ = ["bytes_of_weights", "is_here", "problem_with", "problem_with_classifier"]

INDEX, WEIGHTS = "model.safetensors.index.json", "model.safetensors"


def problem_with(settings: ModelSettings) -> str:
    """The key and what is wrong with the model that it names; empty where nothing is, or it must be fetched to see.

    The configuration is read and the model built without memory for its weights; the weights' files are looked at as
    far as they say what they hold; the tokenizer renders a prompt.
    """
    if problem := device_problem(settings.device):
        return problem
    if settings.base is None or settings.base in {packaged.NAME, tiny.NAME}:
        return ""
    try:
        _look_at(settings.base, settings, settings.revision)
    except AccordError as error:
        return f"base: {error}"
    return ""


def _look_at(name: str, settings: ModelSettings, revision: str | None) -> None:
    """Raises `ModelError`, or `StorageError`, where the model cannot be opened."""
    source = place_of(name)
    folder = Path(source) if Path(source).is_dir() else _cached(name, revision)
    if folder is None:
        return
    try:
        if has_adapter_file(str(folder)):
            check_kind(str(folder))
            _look_at(base_of(str(folder)), settings, revision_of(folder))
            return
        _weights_in(folder)
        trust_remote_code = settings.trust_remote_code
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        tokenizer = read_tokenizer(str(folder), trust_remote_code=trust_remote_code)
        settings.set_template(tokenizer)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        CausalModel(model, tokenizer, name).encode_prompt(Prompt.ask("Hello"))
    except jinja2.TemplateError as error:
        raise ModelError(f"{name}: its chat template fails on a plain question ({error}); mend it") from error
    except loading.UNLOADABLE as error:
        raise refusal(name, str(folder), error) from error


def problem_with_classifier(name: str, form: ModelForm) -> str:
    """The key and what is wrong with a reward model of others; empty where nothing is, or it must be fetched to see."""
    if problem := device_problem(form.device):
        return problem
    try:
        if name in {packaged.NAME, tiny.NAME}:
            raise ModelError(f"{name}: a language model, which gives texts no score; give a reward model")
        place = Path(place_of(name))
        if (folder := place if place.is_dir() else _cached(name, form.revision)) is not None:
            _look_at_classifier(name, folder, form)
    except AccordError as error:
        return f"model: {error}"
    return ""


def is_here(name: str, revision: str | None = None) -> bool:
    """Whether a model can be opened without fetching anything."""
    return name == tiny.NAME or _files_of(name, revision) is not None


def bytes_of_weights(name: str, revision: str | None = None) -> int:
    """How large the files of a model's weights are, adapters and what they belong to together; 0 where none are here.

    Raises `ModelError` for a folder that is not there.
    """
    folder = _files_of(name, revision)
    if folder is None:
        return 0
    own = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if has_adapter_file(str(folder)):
        return own + bytes_of_weights(base_of(str(folder)), revision_of(folder))
    return own


def _files_of(name: str, revision: str | None) -> Path | None:
    """The folder of a model's files; None where they would have to be fetched, or are made on the spot."""
    if name == tiny.NAME:
        return None
    if name == packaged.NAME:
        return packaged.packaged() if packaged.is_cached() else None
    source = place_of(name)
    return Path(source) if Path(source).is_dir() else _cached(name, revision)


def _look_at_classifier(name: str, folder: Path, form: ModelForm) -> None:
    """Raises `ModelError`, or `StorageError`, where it cannot be opened, or the files of its weights lack its head."""
    _, configuration = read_classifier_tokenizer(str(folder), form, local=True)
    try:
        head = head_weights(configuration, trust_remote_code=form.trust_remote_code)
        if missing := sorted(set(head) - _weights_in(folder)):
            raise ValueError(f"the file lacks {len(missing)} of its weights, such as {missing[0]}; give a reward model")
    except loading.UNLOADABLE as error:
        raise refusal(name, str(folder), error, CLASSIFIER) from error


def _cached(name: str, revision: str | None) -> Path | None:
    """The folder of a model of the hub that was fetched before; None where it would have to be fetched."""
    try:
        file = try_to_load_from_cache(name, "config.json", revision=revision)
    except hub_errors.HFValidationError as error:
        raise ModelError(f"{name}: no name that a model can have ({str(error).splitlines()[0]})") from error
    if isinstance(file, str):
        return Path(file).parent
    if hub.HF_HUB_OFFLINE:
        raise ModelError(f"{name}: {reason_of(name, OSError())}")
    return None


def _weights_in(folder: Path) -> set[str]:
    """The names of the weights that the files of a folder say they hold.

    Raises `SafetensorError` or `OSError` where a file of weights is missing, cut off or no such file.
    """
    names, files = set[str](), [WEIGHTS]
    if (folder / INDEX).is_file():
        files = sorted(set(json.loads((folder / INDEX).read_bytes())["weight_map"].values()))
    for file in files:
        if not (folder / file).is_file():
            raise FileNotFoundError(f"no file {file} in {folder}")
        with safe_open(folder / file, framework="pt") as content:
            if not content.keys():
                raise SafetensorError(f"{file} holds no weights")
            names.update(content.keys())
    return names
