"""`accord serve` from the command line: what it serves, and what it refuses."""

from pathlib import Path

import pytest

from accord.cli import run
from accord.cli.serving import bearer_token, open_model
from accord.errors import ArtefactError, RecipeError
from accord.lm.loading import load
from accord.lm.settings import ModelSettings
from accord.run import RunDirectory

SETTINGS = ModelSettings(dtype="float32")


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has come as far as its supervised start."""
    path = tmp_path_factory.mktemp("serve") / "first"
    with RunDirectory.create(path) as made, made.write_folder("sft/model", stage="sft") as folder:
        load("tiny").save(folder)
    return path


def test_the_model_is_called_as_its_run(supervised: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_model(str(supervised), "sft", SETTINGS).name == "first"
    assert open_model("tiny", "policy", SETTINGS).name == "tiny"
    monkeypatch.chdir(supervised / "sft/model")
    assert open_model(".", "policy", SETTINGS).name == "model"


def test_a_stage_that_is_not_there_is_said(supervised: Path) -> None:
    with pytest.raises(ArtefactError, match="no policy/model; go on with the run; --stage sft serves"):
        open_model(str(supervised), "policy", SETTINGS)
    with pytest.raises(RecipeError, match="tiny is no run"):
        open_model("tiny", "sft", SETTINGS)
    with pytest.raises(ArtefactError, match="no run and no model here"):
        open_model(str(supervised.parent / "other"), "policy", SETTINGS)


def test_an_altered_model_is_refused(supervised: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "altered") as made, made.write_folder("policy/model") as folder:
        load("tiny").save(folder)
    (tmp_path / "altered/policy/model/config.json").write_text("{}")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        open_model(str(tmp_path / "altered"), "policy", SETTINGS)


def test_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCORD_TOKEN", raising=False)
    assert bearer_token(None, "0.0.0.0", no_token=False) != bearer_token(None, "0.0.0.0", no_token=False)
    assert bearer_token("mine", "0.0.0.0", no_token=False) == "mine"
    monkeypatch.setenv("ACCORD_TOKEN", "of-the-environment")
    assert bearer_token(None, "127.0.0.1", no_token=False) == "of-the-environment"
    assert bearer_token("mine", "127.0.0.1", no_token=False) == "mine"
    assert bearer_token(None, "::1", no_token=True) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-token", "--token", "x"], "give one of them"),
        (["--token", "two words"], "no header can carry"),
        (["--slots", "0"], "--slots 0"),
        (["--port", "70000"], "70000: cannot listen there"),
        (["--device", "cuda", "--port", "0"], "device: cuda, and torch"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run(["serve", "tiny", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
