"""Reward models of others: scores are those of plain transformers, in batches as one by one; what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants as hub
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPTNeoXConfig,
    GPTNeoXForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    Phi3Config,
    Phi3ForSequenceClassification,
    Qwen2Config,
    Qwen2ForSequenceClassification,
)

from accord.cli import run
from accord.errors import ArtefactError, ForeignCodeError, ModelError
from accord.lm.classifier import SequenceClassifier
from accord.loop.named_code import code_named_in
from accord.loop.preflight import preflight
from accord.loop.starting import write_starter
from accord.recipe import dump, parse
from accord.records import Completion, Message, Prompt
from accord.reward import Classifier
from accord.reward.card.scored import score_split
from accord.run import RunDirectory
from chat_families import family
from families import drawn
from small_data import letters_dataset

ROOT = Path(__file__).parents[2]
SMALL = ["--policy.max_steps=1", "--evaluate.samples_per_prompt=2", "--sft.epochs=1", "--quiet"]
ROWS = 290
SIZES: dict[str, Any] = {
    "vocab_size": ROWS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "num_labels": 1,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
BY_N = {"vocab_size": ROWS, "n_positions": 256, "n_embd": 32, "n_layer": 2, "n_head": 4, "num_labels": 1}
LONG: dict[str, Any] = {
    "original_max_position_embeddings": 64,
    "rope_parameters": {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0] * 4,
        "long_factor": [4.0] * 4,
        "original_max_position_embeddings": 64,
    },
}
MODELS: dict[str, tuple[str, Callable[..., Any]]] = {
    "llama": ("llama3", lambda **own: LlamaForSequenceClassification(LlamaConfig(**GROUPED | own))),
    "qwen2": ("chatml", lambda **own: Qwen2ForSequenceClassification(Qwen2Config(**GROUPED | own))),
    "gpt_neox": ("qwen3", lambda **own: GPTNeoXForSequenceClassification(GPTNeoXConfig(**SIZES | own))),
    "gpt2": ("llama3", lambda **own: GPT2ForSequenceClassification(GPT2Config(**BY_N | own))),
    "phi3 with two kinds of positions": (
        "chatml",
        lambda **own: Phi3ForSequenceClassification(Phi3Config(**GROUPED | LONG | own)),
    ),
    "bert": ("chatml", lambda **own: BertForSequenceClassification(BertConfig(**SIZES | own))),
}
"""A chat template's family and the model, by name."""
PROMPTS = [
    Prompt.ask("What is it?"),
    Prompt(
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="Is it a lake?"),
            Message(role="assistant", content="It is."),
            Message(role="user", content="Say more"),
        )
    ),
]
ANSWERS = ("It is a lake.", "a", "", "naïve 日本 " * 6, "A lake, " * 12)
TEXTS = [(prompt, Completion(prompt=prompt.id, text=text)) for prompt in PROMPTS for text in ANSWERS]
DATA = letters_dataset(prompts=3)


def saved(folder: Path, name: str = "llama", *, pad: bool = True, template: str | None = None, **own: Any) -> Path:
    """A reward model as its maker would save it; without `pad` its configuration names no padding token."""
    chat, make = MODELS[name]
    tokenizer = family(template or chat)
    made = drawn(lambda: make(pad_token_id=tokenizer.pad_token_id if pad else None, **own))
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def judge_of(folder: Path, place: Path, **settings: Any) -> SequenceClassifier:
    """The judge as a run has it, in float32 on the CPU."""
    reward = Classifier(model=str(folder), **{"dtype": "float32", "device": "cpu", **settings})
    opened = RunDirectory.create(place)
    assert not reward.trained(opened)
    assert list(reward.steps(DATA, opened)) == []
    assert reward.trained(opened)
    return reward.load(opened)


def scored(judge: SequenceClassifier, texts: list[tuple[Prompt, Completion]]) -> Any:
    prompts, completions = zip(*texts, strict=True)
    return judge.score(prompts, completions).value_N


@torch.no_grad()
def plain(folder: Path, texts: list[tuple[Prompt, Completion]]) -> list[float]:
    """The logit of each text alone, by transformers and nothing else."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for prompt, completion in texts:
        turns = [message.model_dump() for message in prompt.messages]
        turns.append({"role": "assistant", "content": completion.text})
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=False)
        found.append(model(input_ids=ids).logits.item())
    return found


# -- scores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_plain_transformers(name: str, pad: bool, tmp_path: Path) -> None:
    """In batches, one by one and in any order, with a padding token and without."""
    folder = saved(tmp_path / "rm", name, pad=pad)
    judge = judge_of(folder, tmp_path / "run")
    expected = plain(folder, TEXTS)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(scored(judge, TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(scored(judge, TEXTS[::-1]), expected[::-1], atol=1e-5)
    np.testing.assert_allclose([scored(judge, [text])[0] for text in TEXTS], expected, atol=1e-5)


def test_texts_that_end_with_the_padding_token_are_read_where_the_model_reads_them(tmp_path: Path) -> None:
    folder = saved(tmp_path / "rm", template="phi3", vocab_size=400)
    judge = judge_of(folder, tmp_path / "run")
    ids = judge.conversation.encode_whole(*PROMPTS[:1], "a")
    assert ids[-1] == judge.model.config.pad_token_id
    np.testing.assert_allclose(scored(judge, TEXTS), plain(folder, TEXTS), atol=1e-5)


def test_marks_in_texts_are_text_and_bos_stands_once(tmp_path: Path) -> None:
    judge = judge_of(saved(tmp_path / "rm"), tmp_path / "run")
    tokenizer = judge.conversation.tokenizer
    ended, bos = tokenizer.convert_tokens_to_ids("<|eot_id|>"), tokenizer.bos_token_id
    ids = judge.conversation.encode_whole(Prompt.ask("What is <|eot_id|>?"), "<bos>It is<|eot_id|>")
    assert ids.count(ended) == 2
    assert ids.count(bos) == 1
    assert ids[0] == bos


def test_the_logit_is_computed_in_float32(tmp_path: Path) -> None:
    """In bfloat16 texts differ by less than its three digits, and near scores would be ties."""
    judge = judge_of(saved(tmp_path / "rm"), tmp_path / "run", dtype="bfloat16")
    assert judge.model.dtype == torch.bfloat16
    scores = torch.tensor(scored(judge, TEXTS))
    assert (scores != scores.bfloat16().double()).any()


def test_it_scores_the_pairs_of_a_split_and_claims_no_scale(tmp_path: Path) -> None:
    judge = judge_of(saved(tmp_path / "rm"), tmp_path / "run")
    scores = score_split(judge, DATA, "held_out")
    assert scores.scale is None
    assert scores.tokens is not None
    assert set(scores.tokens) == set(scores.values)
    assert len(set(scores.values.values())) > 1
    assert Classifier.learns_from == frozenset()


# -- what is refused -------------------------------------------------------------------------------------


OWN_CODE = """
from pathlib import Path
from torch import nn
from transformers import LlamaConfig, LlamaForSequenceClassification, LlamaModel, LlamaPreTrainedModel

Path("{place}").touch()


class Config(LlamaConfig):
    model_type = "own_scores"


class Model(LlamaForSequenceClassification):
    config_class = Config

    def __init__(self, config):
        LlamaPreTrainedModel.__init__(self, config)
        self.num_labels = config.num_labels
        self.model = LlamaModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()

    def forward(self, *inputs, **named):
        found = super().forward(*inputs, **named)
        found.logits = found.logits + 1
        return found
"""


def without_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def without_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if "score" not in name}, folder / "model.safetensors")


def as_adapters(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def with_two_labels(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    content["id2label"] = {"0": "bad", "1": "good"}
    content["label2id"] = {"bad": 0, "good": 1}
    (folder / "config.json").write_text(json.dumps(content))


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_template, r"no chat template; set chat_template"),
        (without_head, r"the file lacks 1 of its weights, such as score.weight; give a reward model"),
        (with_two_labels, r"its configuration has 2 labels, .* num_labels = 1"),
        (as_adapters, r"adapters alone; merge them into their model"),
        (pickled, r"cannot be loaded as a sequence classifier \(.*safetensors"),
    ],
)
def test_what_is_no_reward_model_is_refused(spoil: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    spoil(saved(tmp_path / "rm"))
    with pytest.raises(ModelError, match=message) as caught:
        judge_of(tmp_path / "rm", tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_code_of_its_own_runs_only_where_the_recipe_says_so(tmp_path: Path) -> None:
    folder = saved(tmp_path / "rm")
    expected = plain(folder, TEXTS)
    content = json.loads((folder / "config.json").read_text())
    content["model_type"] = "own_scores"
    content["auto_map"] = {"AutoConfig": "own.Config", "AutoModelForSequenceClassification": "own.Model"}
    (folder / "config.json").write_text(json.dumps(content))
    place = tmp_path / "executed"
    (folder / "own.py").write_text(OWN_CODE.format(place=str(place)))
    reward = Classifier(model=str(folder))
    assert "runs only where trust_remote_code is set: read it first" in reward.problems()[0]
    with pytest.raises(ForeignCodeError):
        judge_of(folder, tmp_path / "refused")
    assert not place.exists()
    trusting = reward.model_copy(update={"trust_remote_code": True})
    assert trusting.problems() == []
    found = scored(judge_of(folder, tmp_path / "run", trust_remote_code=True), TEXTS)
    np.testing.assert_allclose(found, np.array(expected) + 1, atol=1e-5)
    assert place.exists()


def test_a_language_model_is_refused(tmp_path: Path) -> None:
    LlamaForCausalLM(
        LlamaConfig(**{name: value for name, value in SIZES.items() if name != "num_labels"})
    ).save_pretrained(tmp_path / "rm")
    family("llama3").save_pretrained(tmp_path / "rm")
    with pytest.raises(ModelError, match="has 2 labels"):
        judge_of(tmp_path / "rm", tmp_path / "run")


def test_a_template_of_the_recipe_takes_the_place_of_one_that_is_missing(tmp_path: Path) -> None:
    folder = saved(tmp_path / "rm")
    expected = scored(judge_of(folder, tmp_path / "first"), TEXTS)
    template = (folder / "chat_template.jinja").read_text()
    without_template(folder)
    found = scored(judge_of(folder, tmp_path / "second", chat_template=template), TEXTS)
    np.testing.assert_array_equal(found, expected)


def test_texts_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    judge = judge_of(saved(tmp_path / "rm"), tmp_path / "run")
    long = Completion(prompt=PROMPTS[0].id, text="a lake " * 60)
    with pytest.raises(ModelError, match=rf"the completion {long.id} has \d+ tokens .* the context of 256"):
        scored(judge, [*TEXTS, (PROMPTS[0], long)])
    small = judge_of(saved(tmp_path / "small", pad=False, vocab_size=40), tmp_path / "other")
    with pytest.raises(ModelError, match=rf"the completion {TEXTS[0][1].id} .* its embedding has 40 rows"):
        scored(small, TEXTS)
    with torch.no_grad():
        next(judge.model.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match=rf"its score of the completion {TEXTS[0][1].id} is not finite"):
        scored(judge, TEXTS)


# -- in a run --------------------------------------------------------------------------------------------


def test_a_run_goes_on_with_the_same_files_alone_wherever_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path / "rm")
    monkeypatch.chdir(tmp_path)
    reward = Classifier(model="rm", dtype="float32")
    made = RunDirectory.create(tmp_path / "run")
    with pytest.raises(ArtefactError, match="has not noted rm; run it first"):
        reward.load(made)
    list(reward.steps(DATA, made))
    assert made.manifest.inputs["reward: rm"].path == "../rm"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert np.isfinite(scored(reward.load(made), TEXTS)).all()
    (tmp_path / "run").rename(tmp_path / "elsewhere/run")
    alone = reward.model_copy(update={"model": str(tmp_path / "rm")})
    assert np.isfinite(scored(alone.load(RunDirectory.open(tmp_path / "elsewhere/run", write=False)), TEXTS)).all()
    (tmp_path / "elsewhere/run").rename(tmp_path / "run")
    (tmp_path / "rm/config.json").write_text((tmp_path / "rm/config.json").read_text() + "\n")
    with pytest.raises(ArtefactError, match=r"not the model that the stage 'reward' of .* noted; put that one back"):
        reward.load(made)


def test_the_documented_judge_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the judge of the evaluation, and as what the policy learns from; its card has no calibration error."""
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "models/judge", max_position_embeddings=2048)
    section = (ROOT / "docs/recipe.md").read_text().partition('### `kind = "classifier"`')[2]
    documented = section.partition("```toml")[2].partition("```")[0]
    write_starter(tmp_path / "first")
    recipe = tmp_path / "first/recipe.toml"
    before, _, rest = recipe.read_text().partition("[reward]")
    policy = rest[rest.index("[policy]") : rest.index("[evaluate.judge]")]
    reward = documented.replace("[evaluate.judge]", "[reward]")
    recipe.write_text(f"{before}{reward}\n{policy}\n{documented}")
    assert run(["check", str(recipe)]) == 0
    assert run(["run", str(recipe), "--out", "made", *SMALL]) == 0
    for stage in ("reward", "eval_reward"):
        assert "ece" not in json.loads((tmp_path / f"made/{stage}/evaluation.json").read_text())
    with RunDirectory.open(tmp_path / "made", write=False) as made:
        assert {"reward: judge", "eval_reward: judge"} <= set(made.manifest.inputs)
    monkeypatch.chdir(tmp_path / "models")
    assert run(["evaluate", str(tmp_path / "made"), "--json"]) == 0


def test_accord_check_finds_what_is_no_reward_model(tmp_path: Path) -> None:
    with_two_labels(saved(tmp_path / "two"))
    without_head(saved(tmp_path / "headless"))
    recipe = parse(
        f'[reward]\nkind = "classifier"\nmodel = "{tmp_path}/nowhere"\n'
        f'[rewards.brief]\nkind = "classifier"\nmodel = "{tmp_path}/two"\n'
        f'[rewards.kind]\nkind = "classifier"\nmodel = "{tmp_path}/headless"\n'
        '[rewards.polite]\nkind = "classifier"\nmodel = "tiny"\n'
        f'[evaluate.judge]\nkind = "classifier"\nmodel = "{saved(tmp_path / "rm")}"\n'
    )
    assert parse(dump(recipe)) == recipe
    found = [problem for problem in preflight(recipe).problems if ".model: " in problem]
    expected = (
        ("reward", "no such model folder"),
        ("rewards.brief", "has 2 labels"),
        ("rewards.kind", "the file lacks 1 of its weights, such as score.weight"),
        ("rewards.polite", "a language model, which gives texts no score"),
    )
    for problem, (section, reason) in zip(found, expected, strict=True):
        assert problem.startswith(f"recipe.{section}.model: ")
        assert reason in problem


def test_a_run_keeps_the_commit_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its branch has moved since, what the run opens has not."""
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hub"))
    cached = tmp_path / "hub/models--me--mine"
    commits = {"a" * 40: "llama", "b" * 40: "qwen2"}
    for commit, name in commits.items():
        saved(cached / "snapshots" / commit, name)
    (cached / "refs").mkdir()
    branch = cached / "refs/main"
    branch.write_text("a" * 40)
    reward = Classifier(model="me/mine", dtype="float32", device="cpu")
    made = RunDirectory.create(tmp_path / "run")
    assert reward.problems() == []
    list(reward.steps(DATA, made))
    assert made.manifest.inputs["reward: mine"].digest == "a" * 40
    branch.write_text("b" * 40)
    np.testing.assert_allclose(
        scored(reward.load(made), TEXTS), plain(cached / "snapshots" / ("a" * 40), TEXTS), atol=1e-5
    )


def test_code_beside_its_weights_is_named_before_a_run_is_opened(tmp_path: Path) -> None:
    recipe = parse('[reward]\nkind = "classifier"\nmodel = "me/mine"\ntrust_remote_code = true\n')
    made = RunDirectory.create(tmp_path / "run")
    made.write_text("recipe.toml", dump(recipe), stage="recipe")
    assert code_named_in(made) == ["reward.trust_remote_code = true"]
