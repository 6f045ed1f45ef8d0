"""The reward `text_comparison`: trained in its stage, gone on with after a stop, taken from a folder, or a cosine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from accord.errors import ArtefactError, RecipeError
from accord.feedback import Dataset
from accord.records import Completion, Prompt
from accord.reward import TextComparison
from accord.run import RunDirectory
from accord.train import Optim

QUESTIONS = {"How many eggs has Anna?": "Anna has 12 eggs.", "Who left?": "Robert left in May."}
LINES = [
    f"{name} sold {number} eggs in May. Later {name} bought a house." for name in ("Anna", "Kim") for number in (3, 8)
]
TINY: dict[str, Any] = {
    "encoder": "tiny", "pairs": 24, "epochs": 1, "batch_size": 8, "hidden": 8, "save_every": 1, "device": "cpu",
    "optim": Optim(lr=1e-3, warmup_steps=1),
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    rows = [{"prompt": question, "reference": answer} for question, answer in QUESTIONS.items()]
    (tmp_path / "references.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "texts.txt").write_text("\n".join(LINES))
    return {"references": str(tmp_path / "references.jsonl"), "texts": str(tmp_path / "texts.txt")}


def asked() -> Dataset:
    prompts = {prompt.id: prompt for prompt in map(Prompt.ask, QUESTIONS)}
    return Dataset(prompts, {}, {}, dict.fromkeys(prompts, "train"), {})


def answers(*texts: str) -> tuple[list[Prompt], list[Completion]]:
    prompt = Prompt.ask("How many eggs has Anna?")
    return [prompt] * len(texts), [Completion(prompt=prompt.id, text=text) for text in texts]


def test_the_score_is_same_less_what_is_extra(files: dict[str, str], tmp_path: Path) -> None:
    settings = TextComparison(**files, **TINY, extra_weight=0.5)
    with RunDirectory.create(tmp_path / "run") as run:
        scores = settings.fit(asked(), run).score(*answers("Anna has 13 eggs.", "Anna  has 12 eggs.", ""))
        assert settings.trained(run)
    same, extra = scores.components["same"].value_N, scores.components["extra"].value_N
    np.testing.assert_allclose(scores.value_N, same - 0.5 * extra)
    assert scores.value_N[1:].tolist() == [1.0, 0.0]
    assert 0 < same[0] < 1


def test_a_stage_that_was_stopped_goes_on_to_the_same_head(files: dict[str, str], tmp_path: Path) -> None:
    settings = TextComparison(**files, **TINY)
    with RunDirectory.create(tmp_path / "whole") as run:
        whole = settings.fit(asked(), run).score(*answers("Anna has 13 eggs."))
    with RunDirectory.create(tmp_path / "stopped") as run:
        steps = settings.steps(asked(), run)
        next(steps)
        next(steps)
        del steps
        judge = settings.fit(asked(), run)
        np.testing.assert_array_equal(judge.score(*answers("Anna has 13 eggs.")).value_N, whole.value_N)


def test_other_texts_than_it_began_with_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    settings = TextComparison(**files, **TINY)
    with RunDirectory.create(tmp_path / "run") as run:
        steps = settings.steps(asked(), run)
        next(steps)
        next(steps)
        Path(files["texts"]).write_text("\n".join(reversed(LINES)))
        with pytest.raises(ArtefactError, match="not the texts that the stage 'reward'"):
            settings.fit(asked(), run)


def test_a_trained_comparator_is_taken_from_its_folder_while_it_is_the_same(
    files: dict[str, str], tmp_path: Path
) -> None:
    with RunDirectory.create(tmp_path / "first") as run:
        before = TextComparison(**files, **TINY).fit(asked(), run).score(*answers("Anna has 13 eggs."))
    folder = tmp_path / "first/reward/model"
    settings = TextComparison(references=files["references"], comparator=str(folder))
    assert settings.problems() == []
    with RunDirectory.create(tmp_path / "second") as run:
        assert not settings.trained(run)
        after = settings.fit(asked(), run).score(*answers("Anna has 13 eggs."))
        np.testing.assert_allclose(after.value_N, before.value_N, atol=1e-6)
        (folder / "comparator.json").write_text((folder / "comparator.json").read_text() + " ")
        with pytest.raises(ArtefactError, match="not the comparator that the stage 'reward'"):
            settings.load(run)


def test_the_cosine_is_there_to_be_beaten(files: dict[str, str], tmp_path: Path) -> None:
    settings = TextComparison(references=files["references"], comparator="cosine", encoder="tiny", extra_weight=0)
    with RunDirectory.create(tmp_path / "run") as run:
        scores = settings.fit(asked(), run).score(
            *answers("Anna has 13 eggs.", "Nothing of the kind, dear.", "Anna has 12 eggs.")
        )
    assert scores.value_N[2] == 1 > scores.value_N[0] > scores.value_N[1]


def test_of_several_references_the_nearest_counts(files: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "several.jsonl"
    file.write_text(json.dumps({"reference": ["Robert left in May.", "Anna has 12 eggs."]}))
    settings = TextComparison(references=str(file), comparator="cosine", encoder="tiny")
    with RunDirectory.create(tmp_path / "run") as run:
        assert settings.fit(asked(), run).score(
            *answers("Anna has 12 eggs.", "Robert left in May.")
        ).value_N.tolist() == [1, 1]


def test_what_stands_in_the_way_is_told_beforehand(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="trained from `texts`, or is the one that `comparator` names"):
        TextComparison(references=files["references"])
    with pytest.raises(ValidationError, match="trained from `texts`, or is the one that `comparator` names"):
        TextComparison(**files, comparator="cosine")
    assert TextComparison(references=files["references"], texts="none.txt").problems() == ["texts: no file none.txt"]
    (tmp_path / "one.txt").write_text("Anna left.")
    (problem,) = TextComparison(references=files["references"], texts=str(tmp_path / "one.txt")).problems()
    assert problem.startswith("texts: fewer than two texts")
    (problem,) = TextComparison(references=files["references"], comparator=str(tmp_path)).problems()
    assert problem.startswith("comparator: no comparator in")
    (tmp_path / "empty.jsonl").write_text('{"prompt": "Who left?", "reference": " "}')
    (problem,) = TextComparison(references=str(tmp_path / "empty.jsonl"), comparator="cosine").problems()
    assert "no text to compare with" in problem
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(RecipeError, match="no text to compare with"):
        TextComparison(references=str(tmp_path / "empty.jsonl"), comparator="cosine", encoder="tiny").fit(asked(), run)
