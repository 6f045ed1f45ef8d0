"""The pretraining mix: whose texts, how they are cut, and that they hold what a reward would make a policy forget."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import torch
from pydantic import ValidationError

from accord.errors import ArtefactError, RecipeError, RecordError, StorageError
from accord.lm.loading import load
from accord.policy import PPO
from accord.policy.materials import Materials
from accord.policy.pretraining import blocks_of, read_texts
from accord.recipe import parse
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset

PROMPTS = letters_dataset().prompts_of("train")
CORPUS = ["the rain fell on the hill " * 3, "bread is baked of flour and water " * 2]
SETTINGS: dict[str, Any] = {
    "dtype": "float32",
    "max_steps": 6,
    "prompts_per_step": 3,
    "group_size": 4,
    "kl_coef": 0.0,
    "sampling": Sampling(max_tokens=6),
    "optim": Optim(lr=1e-2, warmup_steps=1, lr_schedule="constant"),
}


def rows(path: Path) -> Path:
    path.write_text("".join(json.dumps({"text": text, "source": "made up"}) + "\n" for text in CORPUS))
    return path


def train(settings: PPO, start: Path, run: RunDirectory) -> list[Any]:
    return [each.metrics for each in settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run)]


def loss_of(model: Path, texts: list[str]) -> float:
    """Mean nats a token by plain transformers, each text alone."""
    causal = load(model)
    total, tokens = 0.0, 0
    for text in texts:
        ids = [*causal.tokenizer(text, add_special_tokens=False)["input_ids"], causal.eos_id]
        with torch.no_grad():
            logits_TV = causal.model(input_ids=torch.tensor([ids])).logits[0, :-1].float()
        total += float(torch.nn.functional.cross_entropy(logits_TV, torch.tensor(ids[1:]), reduction="sum"))
        tokens += len(ids) - 1
    return total / tokens


def test_every_container_gives_the_same_texts(tmp_path: Path) -> None:
    lines = rows(tmp_path / "corpus.jsonl")
    pyarrow.parquet.write_table(pyarrow.table({"text": CORPUS}), tmp_path / "corpus.parquet")
    with (tmp_path / "corpus.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "source"], *([text, "x"] for text in CORPUS)])
    (tmp_path / "corpus.txt").write_text("\n\n".join(CORPUS))
    assert read_texts(str(lines), None) == CORPUS
    assert read_texts(str(tmp_path / "corpus.parquet"), None) == CORPUS
    assert read_texts(str(tmp_path / "corpus.csv"), None) == CORPUS
    assert read_texts(str(tmp_path / "corpus.txt"), None) == ["\n\n".join(CORPUS)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pretrain_split": "train"}, "pretrain_split is about pretrain_texts; name some"),
        ({"pretrain_tokens": 64}, "pretrain_tokens is about pretrain_texts; name some"),
        ({"pretrain_split": "train", "pretrain_texts": "corpus.txt"}, "corpus.txt is one file, which has no splits"),
        ({"pretrain_split": "train", "pretrain_texts": "a/corpus.jsonl"}, "jsonl is one file, which has no splits"),
    ],
)
def test_settings_of_texts_without_texts_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PPO(**SETTINGS, pretrain_coef=1.0, **fields)
    assert PPO(**SETTINGS, pretrain_coef=1.0, pretrain_texts="someone/corpus", pretrain_split="train").pretrain_split


def test_a_file_has_no_splits_however_it_is_called(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"corpus: one file, which has no splits; leave pretrain_split out"):
        read_texts(str(rows(tmp_path / "corpus")), "train")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ('{"words": "rain"}\n', RecipeError, r"corpus.jsonl:1: no text in the column 'text'; its columns are words"),
        ('{"text": "rain"}\n{"text": 3}\n', RecipeError, r"corpus.jsonl:2: no text in the column 'text'"),
        ('{"text": "rain"}\n{"text": \n', RecordError, "corpus.jsonl:2"),
        ('{"text": " "}\n', RecipeError, "holds no text"),
        ('{"text": "rain"}\n{"text": "\\ud800 abc"}\n', RecipeError, "corpus.jsonl:2: .*half a character"),
    ],
)
def test_what_holds_no_text_is_refused_by_place(
    content: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "corpus.jsonl").write_text(content)
    with pytest.raises(error, match=message):
        read_texts(str(tmp_path / "corpus.jsonl"), None)


def test_a_file_that_is_not_there_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_texts(str(tmp_path / "nowhere.jsonl"), None)
    (tmp_path / "corpus.txt").write_bytes(b"caf\xe9")
    with pytest.raises(RecipeError, match="not UTF-8"):
        read_texts(str(tmp_path / "corpus.txt"), None)
    (tmp_path / "corpus.txt").write_text(" \n")
    with pytest.raises(RecipeError, match="holds no text"):
        read_texts(str(tmp_path / "corpus.txt"), None)


def test_blocks_hold_every_token_once_and_end_the_text(start: Path) -> None:
    causal = load(start)
    ids = [each for text in CORPUS for each in (*causal.tokenizer(text)["input_ids"], causal.eos_id)]
    blocks = blocks_of(causal, CORPUS, 7)
    assert [each for block in blocks for each in (*block.prompt, *block.completion)] == ids
    assert [block.key for block in blocks] == list(range(len(blocks)))
    assert max(len(block.completion) for block in blocks) == 6
    with pytest.raises(RecipeError, match="no two tokens"):
        blocks_of(causal, [""], 7)


def test_the_mix_keeps_what_the_reward_alone_makes_a_policy_forget(start: Path, tmp_path: Path) -> None:
    """The tax with the mix and without it, in nats a token of the pretraining texts, by plain transformers."""
    corpus = rows(tmp_path / "corpus.jsonl")
    taxes = {}
    for name, mix in (("without", {}), ("with", {"pretrain_coef": 2.0, "pretrain_texts": str(corpus)})):
        with RunDirectory.create(tmp_path / name) as run:
            metrics = train(PPO(**SETTINGS, **mix), start, run)
            taxes[name] = loss_of(run.verified("policy/model"), CORPUS) - loss_of(start, CORPUS)
        assert (metrics[-1].pretrain_loss is None) == (name == "without")
    assert taxes["with"] < taxes["without"] - 0.1


def test_a_loss_is_logged_that_can_be_worked_out_again(start: Path, tmp_path: Path) -> None:
    """The whole corpus in one update, before any weight moves."""
    corpus = rows(tmp_path / "corpus.jsonl")
    settings = PPO(
        **{**SETTINGS, "max_steps": 1, "minibatches": 1},
        pretrain_coef=1.0,
        pretrain_texts=str(corpus),
        pretrain_tokens=500,
        pretrain_batch_size=2,
    )
    with RunDirectory.create(tmp_path / "run") as run:
        (metrics,) = train(settings, start, run)
        assert f"policy: {corpus.name}" in run.manifest.inputs
    assert metrics.pretrain_loss == pytest.approx(loss_of(start, CORPUS), abs=1e-4)


def test_another_file_is_refused_on_the_way(start: Path, tmp_path: Path) -> None:
    corpus = rows(tmp_path / "corpus.jsonl")
    settings = PPO(**{**SETTINGS, "max_steps": 1}, pretrain_coef=1.0, pretrain_texts=str(corpus))
    with RunDirectory.create(tmp_path / "run") as run:
        train(settings, start, run)
        corpus.write_text('{"text": "quite another corpus"}\n')
        with pytest.raises(ArtefactError, match="not the file that 'policy'"):
            train(settings, start, run)


def test_a_recipe_names_the_file_from_its_own_folder(tmp_path: Path) -> None:
    text = '[reward]\nbase = "tiny"\n[policy]\nkind = "ppo"\nbase = "tiny"\npretrain_texts = "corpus.jsonl"\n'
    with pytest.raises(RecipeError, match="read only where pretrain_coef weighs them"):
        parse(text)
    settings = parse(text + "pretrain_coef = 0.5\n").policy
    assert isinstance(settings, PPO)
    anchored = settings.anchored(tmp_path)
    assert isinstance(anchored, PPO)
    assert anchored.pretrain_texts == str(tmp_path / "corpus.jsonl")
    assert anchored.needs == {"prompts", "judge"}
    hub = settings.model_copy(update={"pretrain_texts": "someone/corpus", "pretrain_split": "train"})
    assert hub.anchored(tmp_path).pretrain_texts == "someone/corpus"
