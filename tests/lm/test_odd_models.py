"""What is odd about models that people have: it works, or is one line with the remedy, and never a traceback."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

from accord.errors import ModelError
from accord.lm.adapter_files import base_of, revision_of
from accord.lm.generate import generate
from accord.lm.inspection import problem_with
from accord.lm.loading import load, open_tokenizer
from accord.lm.settings import ModelSettings
from accord.lm.tiny import tiny_tokenizer
from accord.records import Prompt, Sampling

LOW_RANK = LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "base"
    load("tiny").save(folder)
    return folder


def adapted(base: Path, folder: Path, config: Any, *, rows: int = 258) -> Path:
    """As peft saves adapters: without a tokenizer."""
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    if rows != 258:
        model.resize_token_embeddings(rows)
    get_peft_model(model, config).save_pretrained(folder, save_embedding_layers=rows != 258)
    return folder


def changed(base: Path, folder: Path, **values: Any) -> Path:
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    return folder


def writes(folder: Path) -> None:
    causal = load(folder)
    generate(causal, [causal.encode_prompt(Prompt.ask("Say."))], 1, Sampling(max_tokens=3))


def test_adapters_without_a_tokenizer_speak_by_that_of_their_model(base: Path, tmp_path: Path) -> None:
    folder = adapted(base, tmp_path / "adapter", LOW_RANK)
    assert len(open_tokenizer(folder)[0]) == 258
    writes(folder)


def test_a_padding_token_without_a_row_is_no_hindrance(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "padded")
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(tmp_path / "padded")
    assert load(tmp_path / "padded").pad_id == 0
    writes(tmp_path / "padded")


def odd(kind: str, base: Path, folder: Path) -> None:
    match kind:
        case "prompt tuning":
            adapted(base, folder, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
        case "adapters over resized embeddings":
            adapted(base, folder, LOW_RANK, rows=270)
        case "an end without a row":
            model: Any = AutoModelForCausalLM.from_pretrained(base)
            model.resize_token_embeddings(256)
            model.config.eos_token_id = model.config.pad_token_id = model.generation_config.eos_token_id = None
            model.save_pretrained(folder)
            tiny_tokenizer().save_pretrained(folder)
        case "a padding id of the configuration without a row":
            changed(base, folder, pad_token_id=300)
        case "no tokenizer":
            AutoModelForCausalLM.from_pretrained(base).save_pretrained(folder)
        case "adapters of nobody":
            adapted(base, folder, LOW_RANK)
            (folder / "adapter_config.json").write_text("[]")
        case "no layers":
            changed(base, folder, num_hidden_layers=0)
        case "no heads":
            changed(base, folder, num_attention_heads=0)
        case "a width in words":
            changed(base, folder, hidden_size="wide")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("prompt tuning", "PROMPT_TUNING change no weights; use low-rank ones, or a merged model"),
        ("adapters over resized embeddings", "embeddings of another size; resize those of their model, merge"),
        ("an end without a row", "ids up to 257, its embedding has 256 rows; resize the model's embeddings"),
        ("a padding id of the configuration without a row", "correct pad_token_id in its config.json"),
        ("no tokenizer", "its tokenizer cannot be read .*; put the tokenizer's files beside the model"),
        ("adapters of nobody", "set base_model_name_or_path in it"),
        ("no layers", "correct num_hidden_layers"),
        ("no heads", "cannot be loaded as a causal language model"),
        ("a width in words", "cannot be loaded as a causal language model"),
    ],
)
def test_what_cannot_be_is_one_line(kind: str, told: str, base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    odd(kind, base, folder)
    with pytest.raises(ModelError, match=told) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["prompt tuning", "no tokenizer", "adapters of nobody", "a width in words"])
def test_it_is_found_before_anything_is_started(kind: str, base: Path, tmp_path: Path) -> None:
    odd(kind, base, tmp_path / "odd")
    assert problem_with(ModelSettings(base=str(tmp_path / "odd"))).startswith("base: ")
    assert not problem_with(ModelSettings(base=str(base)))


def test_a_revision_of_the_hub_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refused(source: str, *, revision: str | None = None, **_: Any) -> None:
        asked.append((source, revision))
        raise OSError("not here")

    monkeypatch.setattr("accord.lm.loading.AutoModelForCausalLM.from_pretrained", refused)
    with pytest.raises(ModelError, match="some/model"):
        load("some/model", revision="v1.2")
    assert asked == [("some/model", "v1.2")]


def test_adapters_keep_the_revision_of_their_model(base: Path, tmp_path: Path) -> None:
    folder = adapted(base, tmp_path / "adapter", LOW_RANK)
    values = json.loads((folder / "adapter_config.json").read_text())
    of = {"revision": "abc", "base_model_name_or_path": "a/b"}
    (folder / "adapter_config.json").write_text(json.dumps(values | of))
    assert (base_of(folder), revision_of(folder)) == ("a/b", "abc")
