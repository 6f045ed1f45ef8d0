"""Models of entailment: which label it is, both directions, batches, and what is none."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from accord.errors import ModelError
from accord.lm.entailment import EntailmentModel, load_entailment
from accord.records import Prompt
from entailment_models import entailment_model

TEXTS = ["It is a lake.", "a", "", "naïve 日本 " * 3, "A lake, " * 5, "No."]


def alone(model: EntailmentModel, premise: str, hypothesis: str) -> bool:
    """What transformers' own pass over the pair by itself says."""
    encoded: Any = model.tokenizer(premise, hypothesis, return_tensors="pt")
    with torch.no_grad():
        return int(model.model(**encoded).logits.argmax()) == 2


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_pairs_in_batches_say_what_each_says_alone(kind: str, tmp_path: Path) -> None:
    model = load_entailment(str(entailment_model(tmp_path, kind)))
    pairs = [(one, other) for one in TEXTS for other in TEXTS if one or other]
    said = model.entails([one for one, _ in pairs], [other for _, other in pairs])
    assert said == [alone(model, *pair) for pair in pairs]
    assert 0 < sum(said) < len(said), "the pairs are all alike, so that they show nothing"


def test_both_directions_with_the_question_before(tmp_path: Path) -> None:
    model = load_entailment(str(entailment_model(tmp_path)))
    prompts = [Prompt.ask("What is it?"), Prompt.ask("Is it one?")]
    asked = [(prompt, one, other) for prompt in prompts for one in TEXTS for other in TEXTS]
    said = model.same([p for p, _, _ in asked], [a for _, a, _ in asked], [b for _, _, b in asked])
    expected = [
        alone(model, f"{p.text} {a}", f"{p.text} {b}") and alone(model, f"{p.text} {b}", f"{p.text} {a}")
        for p, a, b in asked
    ]
    assert said == expected
    back = model.same([p for p, _, _ in asked], [b for _, _, b in asked], [a for _, a, _ in asked])
    assert said == back
    assert model.same([], [], []) == []


@pytest.mark.parametrize(
    "labels",
    [{0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, {0: "not_entailment", 1: "neutral"}, {0: "entailment"}],
)
def test_labels_that_name_no_entailment(labels: dict[int, str], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=re.escape("is to be called 'entailment'")):
        load_entailment(str(entailment_model(tmp_path, labels=labels)))


def test_labels_may_be_two(tmp_path: Path) -> None:
    assert load_entailment(str(entailment_model(tmp_path, labels={0: "entailment", 1: "not_entailment"}))).label == 0


def test_a_pair_that_is_too_long_is_named(tmp_path: Path) -> None:
    model = load_entailment(str(entailment_model(tmp_path, positions=32)))
    with pytest.raises(ModelError, match=r"more than the context of 32.*'What is it\? A lake"):
        model.same([Prompt.ask("What is it?")], ["A lake, " * 9], ["b"])


def test_what_is_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load_entailment(str(tmp_path / "none"))
    folder = entailment_model(tmp_path / "cut")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="lacks 16 of its weights"):
        load_entailment(str(folder))
