"""X6 held-out loss: plain texts foretold by both models, in planted numbers and by the models of a real run."""

import json
from collections.abc import Sequence
from math import log
from pathlib import Path

import pytest
import torch
from audit_checks import finding_of
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.artefacts import TEXT_LOSSES, Finding, TextLoss, Verdict
from accord.audit import Evidence, examine
from accord.audit.remeasure.models import open_model
from accord.audit.remeasure.texts import text_losses
from accord.audit.values.thresholds import ValuesThresholds
from accord.errors import AccordError, RecipeError, StorageError
from accord.loop.stage import Context
from accord.loop.texts import foretell_texts, read_plain_texts, with_texts
from accord.recipe import dump, load
from accord.run import RunDirectory
from small_run import RECIPE

TEXTS = [f"The river of the {place} is wide, and the street beside it is long." for place in ["north", "south", "east"]]


def losses(arm: str, nats: Sequence[float], *, tokens: int = 100) -> list[TextLoss]:
    return [TextLoss(arm=arm, text=f"t:{i}", tokens=tokens, nats=each) for i, each in enumerate(nats)]


def found(rows: Sequence[TextLoss], tmp_path: Path) -> Finding:
    with RunDirectory.create(tmp_path / "run") as run:
        TEXT_LOSSES.write(run, rows)
        return finding_of("X6 held-out loss", run)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "quiet"), (0.9, "quiet"), (1.019, "quiet"), (1.05, "fires")])
def test_the_loss_is_held_against_the_starts(factor: float, verdict: str, tmp_path: Path) -> None:
    start = [200.0 + 10 * i for i in range(12)]
    finding = found([*losses("start", start), *losses("policy", [factor * each for each in start])], tmp_path)
    assert finding.verdict is Verdict[verdict.upper()]
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(factor - 1)
    assert finding.facts["bits a token, start"].value == pytest.approx(sum(start) / 1200 / log(2))
    assert ("texts" in finding.ids) is (factor > 1.02)


def test_texts_that_gain_make_up_for_those_that_lose(tmp_path: Path) -> None:
    policy = [200.0 * (1.2 if i % 2 else 0.8) for i in range(40)]
    finding = found([*losses("start", [200.0] * 40), *losses("policy", policy)], tmp_path)
    assert finding.verdict is not Verdict.FIRES
    assert finding.ids["texts"].count == 20


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ([], "it has 0"),
        (losses("start", [1.0] * 9), "it has 0"),
        ([*losses("start", [1.0] * 5), *losses("policy", [1.0] * 5)], "it has 5"),
        ([*losses("start", [0.0] * 9), *losses("policy", [1.0] * 9)], "for certain"),
        ([*losses("start", [1.0] * 9), *losses("policy", [1.0] * 9, tokens=50)], "the same tokens"),
    ],
)
def test_what_is_too_little_is_said(rows: list[TextLoss], missing: str, tmp_path: Path) -> None:
    finding = found(rows, tmp_path)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert missing in finding.needs


@settings(max_examples=20, deadline=None)
@given(start=st.lists(st.floats(1, 1e4), min_size=6, max_size=20), factor=st.floats(0.5, 2))
def test_the_ratio_has_no_unit(start: list[float], factor: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    finding = found(
        [*losses("start", start), *losses("policy", [factor * each for each in start])], tmp_path_factory.mktemp("a")
    )
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(factor - 1, abs=1e-9)


def test_losses_are_those_of_a_plain_pass(run: RunDirectory) -> None:
    """Every text by itself through the model, its first token left out; long ones are cut, single tokens left out."""
    causal = open_model(Evidence(run))
    texts = {str(i): text for i, text in enumerate(TEXTS)}
    rows = list(text_losses(causal, "policy", texts | {"one": "a"}, tokens=12))
    assert [row.text for row in rows] == list(texts)
    for row in rows:
        ids = causal.tokenizer(texts[row.text])["input_ids"][:12]
        assert row.tokens == len(ids) - 1
        with torch.no_grad():
            logprob_TV = torch.log_softmax(causal.model(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
        wanted = -sum(float(logprob_TV[place, token]) for place, token in enumerate(ids[1:]))
        assert row.nats == pytest.approx(wanted, abs=1e-3)


def test_texts_are_foretold_once_and_again_where_they_change(run: RunDirectory, tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text("\n".join(json.dumps({"text": text}) for text in [*TEXTS, *TEXTS]))
    foretell_texts(Context(RECIPE, run))
    assert not TEXT_LOSSES.has(run)
    context = Context(with_texts(RECIPE, [file]), run)
    foretell_texts(context)
    rows = Evidence(run).text_losses
    assert [(row.arm, row.text) for row in rows] == [
        (arm, f"t.jsonl:{i}") for arm in ("start", "policy") for i in (1, 2, 3)
    ]
    digest = run.manifest.files["text_losses.jsonl"]
    foretell_texts(context)
    assert run.manifest.files["text_losses.jsonl"] is digest
    file.write_text("\n".join(json.dumps({"text": f"{text} {i}"}) for text in TEXTS for i in range(4)))
    foretell_texts(context)
    assert len(Evidence(run).text_losses) == 24
    finding = next(each for each in examine(run, only=("X6",)).findings if each.check == "held-out loss")
    assert finding.verdict is not Verdict.NOT_ASSESSABLE
    file.unlink()
    foretell_texts(context)
    assert len(Evidence(run).text_losses) == 24


def test_files_are_read_as_pretraining_texts_are(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.jsonl").write_text(json.dumps({"text": folder}) + '\n{"text": " "}')
    both = read_plain_texts([str(tmp_path / folder / "t.jsonl") for folder in ("a", "b")])
    assert list(both.values()) == ["a", "b"]
    assert all(name.endswith("t.jsonl:1") for name in both)
    (tmp_path / "whole.txt").write_text("One text.\n\nAnd its end.")
    assert read_plain_texts([str(tmp_path / "whole.txt")]) == {"whole.txt:1": "One text.\n\nAnd its end."}


@pytest.mark.parametrize("content", ["{", '{"words": "a"}', '{"text": 3}', '{"text": ""}', ""])
def test_files_without_texts_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(AccordError):
        with_texts(RECIPE, [tmp_path / "t.jsonl"])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises((StorageError, RecipeError)):
        read_plain_texts([str(tmp_path / "none.jsonl")])


def test_the_file_is_meant_from_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('[audit.values]\ntexts = "mine/t.jsonl"\n')
    recipe = load(tmp_path / "recipe.toml")
    assert recipe.audit.of(ValuesThresholds).texts == (str(tmp_path / "mine/t.jsonl"),)
    (tmp_path / "again.toml").write_text(dump(recipe))
    assert load(tmp_path / "again.toml") == recipe
