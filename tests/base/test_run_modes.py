"""Who may read the files of a run: whoever the umask lets, of all of them alike, whichever library wrote them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from accord.artefacts import MODEL
from accord.feedback import Ledger
from accord.lm import load
from accord.lm.adapters import LoRA, add_lora
from accord.lm.reward_model import ScalarHeadModel
from accord.run import RunDirectory
from accord.run.files import give_usual_rights
from accord.train.tensor_files import save_tensors


@pytest.fixture(params=[0o022, 0o077, 0o027])
def usual(request: pytest.FixtureRequest) -> Iterator[int]:
    """The mode of a new file under some umask."""
    before = os.umask(request.param)
    yield 0o666 & ~request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in files}


def test_all_files_of_a_run_go_by_the_umask(tmp_path: Path, usual: int) -> None:
    causal = load("tiny", dtype="float32")
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_text("report.html", "<p>")
        run.log("policy/metrics.jsonl").append("{}")
        run.save_checkpoint("policy", 1, lambda folder: save_tensors({"a": torch.ones(1)}, folder / "a.safetensors"))
        with MODEL.write(run, stage="policy") as folder:
            causal.save(folder)
        with MODEL.write(run, stage="reward") as folder:
            ScalarHeadModel.fresh(causal, name="reward", seed=1).save(folder)
        with MODEL.write(run, stage="sft") as folder:
            add_lora(load(MODEL.verified(run, "policy"), dtype="float32"), LoRA(rank=2)).save(folder)
        found = modes(run.path)
    for name in (
        "policy/model/model.safetensors",
        "reward/model/head.safetensors",
        "sft/model/adapter_model.safetensors",
    ):
        assert name in found
    assert any(name.endswith("a.safetensors") for name in found)
    assert {name: mode for name, mode in found.items() if mode != usual} == {}


def test_a_ledger_is_its_owners_whatever_the_umask(tmp_path: Path, usual: int) -> None:
    assert usual & 0o600 == 0o600
    Ledger(tmp_path / "people.db").close()
    assert modes(tmp_path) == {"people.db": 0o600}


def test_what_leads_out_of_a_folder_is_left_alone(tmp_path: Path, usual: int) -> None:
    private, folder = tmp_path / "key", tmp_path / "new"
    private.write_text("secret")
    private.chmod(0o600)
    folder.mkdir()
    (folder / "link").symlink_to(private)
    (folder / "below").mkdir()
    (folder / "below/own").write_text("")
    (folder / "below/own").chmod(0o600)
    give_usual_rights(folder)
    assert private.stat().st_mode & 0o777 == 0o600
    assert (folder / "below/own").stat().st_mode & 0o777 == usual
