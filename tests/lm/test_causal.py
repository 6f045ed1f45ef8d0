"""Loading, refusing, prompts, adapters, and what plain transformers and peft make of what was saved."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertLMHeadModel,
    PreTrainedModel,
    T5Config,
)

from accord.errors import ModelError, StorageError
from accord.lm import tiny
from accord.lm.adapters import LoRA, add_lora
from accord.lm.attention import NAME as GROUPED
from accord.lm.causal import CausalModel
from accord.lm.conversation import Conversation
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.records import Message, Prompt

IDS = torch.tensor([[1, 2, 3, 257, 5, 6]])
ASK = Prompt.ask("Write.", system="Be short.")


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS).logits.float()  # type: ignore[no-any-return]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    load("tiny", seed=5).save(tmp_path / "saved")
    return tmp_path / "saved"


# -- prompts and completions -----------------------------------------------------------------------------


def test_a_prompt_is_what_the_template_renders() -> None:
    causal = load("tiny")
    text = "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nWrite.<|im_end|>\n<|im_start|>assistant\n"
    assert causal.tokenizer.decode(causal.encode_prompt(ASK)) == text
    talk = Prompt(messages=(*ASK.messages, Message(role="assistant", content="a"), Message(role="user", content="b")))
    assert len(causal.encode_prompt(talk)) > len(causal.encode_prompt(ASK))


@pytest.mark.parametrize("template_writes", [True, False])
@pytest.mark.parametrize("tokenizer_adds", [True, False])
def test_one_bos_and_never_two(template_writes: bool, tokenizer_adds: bool) -> None:
    causal = load("tiny")
    causal.tokenizer.add_special_tokens({"bos_token": "<s>"})
    bos = causal.tokenizer.bos_token_id
    if tokenizer_adds:
        backend: Any = causal.tokenizer.backend_tokenizer
        backend.post_processor = TemplateProcessing(single="<s> $A", pair=None, special_tokens=[("<s>", bos)])
        assert causal.tokenizer("a")["input_ids"][0] == bos
    if template_writes:
        causal.tokenizer.chat_template = "{{ bos_token }}" + tiny.CHAT
    ids = causal.encode_prompt(ASK)
    assert ids.count(bos) == int(template_writes or tokenizer_adds)
    assert (ids[0] == bos) == (template_writes or tokenizer_adds)
    assert bos not in causal.encode_completion("a")


def test_the_end_is_a_target_though_padding_is_the_same_token() -> None:
    causal = load("tiny")
    assert causal.pad_id == causal.eos_id
    prompt = tuple(causal.encode_prompt(ASK))
    answers = [
        TokenizedCompletion(prompt, tuple(causal.encode_completion(text)), i)
        for i, text in enumerate(["a", "longer", ""])
    ]
    batch = pack(causal, answers)[0]
    for index, key in enumerate(batch.keys):
        target_n = batch.target_N[batch.owner_N == index].tolist()
        assert target_n == list(answers[key].completion)
        assert target_n[-1] == causal.eos_id
        assert target_n.count(causal.eos_id) == 1


def test_text_comes_back() -> None:
    causal = load("tiny")
    assert causal.decode(causal.encode_completion("Grüße, 世界")) == "Grüße, 世界"


def test_a_tokenizer_without_template_or_end_is_refused() -> None:
    causal = load("tiny")
    causal.tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template; set chat_template"):
        causal.encode_prompt(ASK)
    with pytest.raises(ModelError, match="no chat template; set chat_template"):
        causal.encode_completion("a")
    assert causal.eos_id == 257
    causal.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no end-of-sequence token"):
        _ = Conversation(causal.tokenizer, "tiny").ends


# -- loading ---------------------------------------------------------------------------------------------


def test_the_seed_draws_tiny_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second, third = load("tiny", seed=1), load("tiny", seed=1), load("tiny", seed=2)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(logits(first.model), logits(second.model))
    assert not torch.equal(logits(first.model), logits(third.model))


def test_grouped_attention_gives_the_librarys_numbers() -> None:
    causal = load("tiny", seed=1)
    assert causal.model.config._attn_implementation == GROUPED
    ours = logits(causal.model)
    for name in ("eager", "sdpa"):
        causal.model.set_attn_implementation(name)
        torch.testing.assert_close(logits(causal.model), ours, atol=1e-5, rtol=1e-5)


def test_saved_models_open_here_by_any_path(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = logits(load("tiny", seed=5).model)
    assert torch.equal(logits(load(saved).model), expected)
    monkeypatch.chdir(saved.parent)
    for name in ("saved", "./saved", "saved/", "../" + saved.parent.name + "/saved"):
        assert torch.equal(logits(load(name).model), expected)
    assert load("saved", dtype="bfloat16").model.dtype == torch.bfloat16


PLAIN = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = AutoModelForCausalLM.from_pretrained(sys.argv[1]), AutoTokenizer.from_pretrained(sys.argv[1])
assert "accord" not in sys.modules
ids = tokenizer.apply_chat_template([{"role": "user", "content": "a"}], add_generation_prompt=True, return_tensors="pt")
with torch.no_grad():
    torch.save(model(input_ids=ids["input_ids"]).logits, sys.argv[2])
"""


def test_a_saved_model_opens_in_plain_transformers_elsewhere(saved: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PLAIN, str(saved), str(tmp_path / "logits.pt")], check=False)
    assert done.returncode == 0
    causal = load(saved)
    ids = torch.tensor([causal.encode_prompt(Prompt.ask("a"))])
    with torch.no_grad():
        ours = causal.model(input_ids=ids).logits
    torch.testing.assert_close(ours, torch.load(tmp_path / "logits.pt"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["/no/such/model", "./nowhere", "runs/sft/model"])
def test_a_missing_folder(name: str) -> None:
    with pytest.raises(ModelError, match="no such model folder; give the folder of a saved model"):
        load(name)


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing-of-this-name"])
def test_a_hub_id_while_offline(name: str) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(ModelError, match=f"{name}: not in the local cache, and HF_HUB_OFFLINE .* unset it") as caught:
        load(name)
    assert "\n" not in str(caught.value)


def damage(folder: Path, how: str) -> None:
    weights = folder / "model.safetensors"
    match how:
        case "empty folder":
            shutil.rmtree(folder)
            folder.mkdir()
        case "cut weights":
            weights.write_bytes(weights.read_bytes()[:5000])
        case "no weights":
            weights.unlink()
        case "no tokenizer":
            for file in folder.glob("tokenizer*"):
                file.unlink()
        case "bad config":
            (folder / "config.json").write_text('{"model_type": ')
        case "other shape":
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
        case "more layers":
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3, "layer_types": None}))
        case "unknown kind":
            (folder / "config.json").write_text('{"model_type": "no-such-kind"}')


@pytest.mark.parametrize(
    "how",
    [
        "empty folder",
        "cut weights",
        "no weights",
        "no tokenizer",
        "bad config",
        "other shape",
        "more layers",
        "unknown kind",
    ],
)
def test_a_damaged_model_is_refused_in_one_line(saved: Path, how: str) -> None:
    damage(saved, how)
    with pytest.raises(ModelError, match=str(saved)) as caught:
        load(saved)
    assert "\n" not in str(caught.value)


def small(config: Any, model: type[PreTrainedModel], folder: Path) -> Path:
    model(config).save_pretrained(folder)
    tiny.tiny_tokenizer().save_pretrained(folder)
    return folder


def test_a_model_that_is_no_decoder_is_refused(tmp_path: Path) -> None:
    shape = {"vocab_size": 258, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    encoder = small(BertConfig(**shape, intermediate_size=64), BertLMHeadModel, tmp_path / "bert")
    with pytest.raises(ModelError, match=r"no decoder|not supported"):
        load(encoder)
    (tmp_path / "t5").mkdir()
    T5Config(vocab_size=258, d_model=32, num_layers=1).save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="cannot be loaded as a causal language model"):
        load(tmp_path / "t5")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to("/dev/full")
    with pytest.raises(StorageError) as caught:
        load("tiny").save(tmp_path)
    assert "full" in str(caught.value)
    assert "\n" not in str(caught.value)


# -- adapters --------------------------------------------------------------------------------------------


def disturbed(causal: CausalModel) -> CausalModel:
    """Adapters that do something, as after training."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in causal.trainable():
            weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
    return causal


def test_fresh_adapters_change_nothing_and_are_all_that_trains(saved: Path) -> None:
    plain, adapted = load(saved), add_lora(load(saved), LoRA(rank=4), seed=1)
    assert torch.equal(logits(adapted.model), logits(plain.model))
    names = [name for name, weight in adapted.model.named_parameters() if weight.requires_grad]
    assert names
    assert all("lora_" in name for name in names)
    assert len(names) == 2 * 7 * 2
    assert sum(w.numel() for w in adapted.trainable()) < sum(w.numel() for w in plain.trainable()) / 2
    again = add_lora(load(saved), LoRA(rank=4), seed=1)
    assert all(torch.equal(a, b) for a, b in zip(adapted.trainable(), again.trainable(), strict=True))


def test_packed_probabilities_under_adapters(saved: Path) -> None:
    causal = disturbed(add_lora(load(saved), LoRA(rank=4)))
    found = completion_logprobs(causal, [[1, 2, 3]], [[4, 5, 6]])[0]
    with torch.no_grad():
        logprob_TV = causal.model(input_ids=torch.tensor([[1, 2, 3, 4, 5, 6]])).logits[0].log_softmax(-1)
    torch.testing.assert_close(found, logprob_TV[[2, 3, 4], [4, 5, 6]], atol=1e-5, rtol=0)


def test_saved_adapters_open_here_and_in_plain_peft(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    causal = disturbed(add_lora(load("saved"), LoRA(rank=4)))
    expected = logits(causal.model)
    causal.save(tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    monkeypatch.chdir("/")
    mine = load(tmp_path / "adapter")
    assert mine.has_adapters
    torch.testing.assert_close(logits(mine.model), expected)
    torch.testing.assert_close(logits(AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter")), expected)
    base = AutoModelForCausalLM.from_pretrained(saved)
    torch.testing.assert_close(logits(PeftModel.from_pretrained(base, tmp_path / "adapter")), expected)
    assert len(AutoTokenizer.from_pretrained(tmp_path / "adapter")) == 258


def test_a_merged_model_opens_in_plain_transformers(saved: Path, tmp_path: Path) -> None:
    causal = disturbed(add_lora(load(saved), LoRA(rank=4)))
    expected = logits(causal.model)
    causal.save(tmp_path / "merged", merge=True)
    assert causal.has_adapters
    torch.testing.assert_close(logits(causal.model), expected)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(logits(plain), expected, atol=1e-5, rtol=1e-5)
    assert not (tmp_path / "merged" / "adapter_config.json").exists()
    assert not load(tmp_path / "merged").has_adapters


def test_adapters_over_a_model_that_lies_nowhere_are_saved_merged(tmp_path: Path) -> None:
    causal = disturbed(add_lora(load("tiny", seed=3), LoRA(rank=4)))
    causal.save(tmp_path / "model")
    torch.testing.assert_close(logits(load(tmp_path / "model").model), logits(causal.model), atol=1e-5, rtol=1e-5)


def test_adapters_over_adapters(saved: Path, tmp_path: Path) -> None:
    """The first are merged; what is saved then holds both."""
    disturbed(add_lora(load(saved), LoRA(rank=4))).save(tmp_path / "first")
    first = load(tmp_path / "first")
    second = add_lora(first, LoRA(rank=2))
    torch.testing.assert_close(logits(second.model), logits(first.model), atol=1e-5, rtol=1e-5)
    disturbed(second).save(tmp_path / "second")
    torch.testing.assert_close(logits(load(tmp_path / "second").model), logits(second.model), atol=1e-5, rtol=1e-5)


def test_adapters_whose_model_is_gone(saved: Path, tmp_path: Path) -> None:
    add_lora(load(saved), LoRA(rank=4)).save(tmp_path / "adapter")
    shutil.rmtree(saved)
    with pytest.raises(ModelError, match=r"belong to .*saved, which is gone; put that model back there"):
        load(tmp_path / "adapter")
