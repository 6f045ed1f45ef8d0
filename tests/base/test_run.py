"""Runs: whole or not at all, by digest; kills; locks; disks that refuse."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.errors import ArtefactError, StorageError
from accord.run import GrowingLog, InputEntry, RunDirectory, digest_of, digest_of_settings, verify, write_whole

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", seed=7)


def test_artefacts_come_back_as_they_were_written(run: RunDirectory) -> None:
    run.write_json("data/summary.json", {"a": [1, None]}, stage="data")
    run.write_jsonl("data/rows.jsonl", [{"a": "ü\u2028\n"}, '{"b": 2}'], stage="data")
    run.close()
    with RunDirectory.open(run.path) as again:
        assert again.read_json("data/summary.json") == {"a": [1, None]}
        assert again.read_jsonl("data/rows.jsonl") == [{"a": "ü\u2028\n"}, {"b": 2}]
        assert again.seed == 7
        assert again.manifest.files["data/rows.jsonl"].stage == "data"
        assert again.has("data/rows.jsonl")
        assert again.has("data")
        assert not again.has("dat")


def test_nan_is_refused(run: RunDirectory) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        run.write_json("a.json", {"a": float("nan")})
    assert not run.has("a.json")


@pytest.mark.parametrize("damage", ["altered", "cut", "gone"])
def test_a_damaged_artefact_is_refused(run: RunDirectory, damage: str) -> None:
    file = run.write_text("sft/note.txt", "what was written")
    assert run.verified("sft/note.txt") == file
    match damage:
        case "altered":
            file.write_text("what was WRITTEN")
        case "cut":
            file.write_text("what was")
        case _:
            file.unlink()
    with pytest.raises(ArtefactError, match=r"note\.txt: (differs|missing)"):
        run.read_bytes("sft/note.txt")


def test_what_the_manifest_does_not_know_is_refused(run: RunDirectory) -> None:
    (run.path / "stray.json").write_text("{}")
    with pytest.raises(ArtefactError, match="not in the manifest"):
        run.read_json("stray.json")


def test_a_folder_appears_whole_or_not_at_all(run: RunDirectory) -> None:
    with run.write_folder("sft/model", stage="sft") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a").write_text("1")
    with pytest.raises(StorageError), run.write_folder("sft/model") as folder:
        (folder / "missing" / "a").write_text("2")
    assert (run.verified("sft/model") / "deep" / "a").read_text() == "1"
    assert [path.name for path in (run.path / "sft").iterdir()] == ["model"]
    with run.write_folder("sft/model") as folder:
        (folder / "b").write_text("3")
    assert [path.name for path in run.verified("sft/model").iterdir()] == ["b"]
    (run.path / "sft/model/b").write_text("4")
    with pytest.raises(ArtefactError, match="differs"):
        run.verified("sft/model")


def test_one_process_a_run(run: RunDirectory) -> None:
    with pytest.raises(ArtefactError, match="another process is working on this run"):
        RunDirectory.open(run.path)
    code = f"from accord.run import RunDirectory; RunDirectory.open({str(run.path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "another process is working on this run" in done.stderr
    reader = RunDirectory.open(run.path, write=False)
    with pytest.raises(ArtefactError, match="reading only"):
        reader.write_text("a", "b")
    run.close()
    RunDirectory.open(run.path).close()


def test_places_that_are_no_runs(tmp_path: Path, run: RunDirectory) -> None:
    with pytest.raises(ArtefactError, match="a run is already here"):
        RunDirectory.create(run.path)
    with pytest.raises(ArtefactError, match="no run here"):
        RunDirectory.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": ')
    with pytest.raises(ArtefactError, match="not a manifest"):
        RunDirectory.open(tmp_path)


def test_stages(run: RunDirectory) -> None:
    settings = digest_of_settings({"lr": 1})
    run.save_checkpoint("sft", 3, lambda folder: None)
    assert not run.is_done("sft", settings)
    run.finish("sft", settings, 1.0)
    assert run.is_done("sft", settings)
    assert run.last_checkpoint("sft") is None
    with pytest.raises(ArtefactError, match="other settings"):
        run.is_done("sft", digest_of_settings({"lr": 2}))


def put(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "state").write_text(text)

    return write


def test_the_last_checkpoint_counts(run: RunDirectory) -> None:
    for step in (9, 10, 11):
        run.save_checkpoint("sft", step, put(str(step)))
    run.save_checkpoint("sft", 11, put("again"))
    found = run.last_checkpoint("sft")
    assert found is not None
    assert found.step == 11
    assert (found.folder / "state").read_text() == "again"
    assert [path.name for path in found.folder.parent.iterdir()] == ["00000011"]


def test_a_stage_leaves_the_checkpoints_below_its_name_alone(run: RunDirectory) -> None:
    run.save_checkpoint("policy/helpful", 3, put("theirs"))
    run.save_checkpoint("policy", 1, put("one"))
    run.save_checkpoint("policy", 2, put("two"))
    below = run.last_checkpoint("policy/helpful")
    assert below is not None
    assert (below.folder / "state").read_text() == "theirs"
    run.finish("policy", "s", 1.0)
    assert run.last_checkpoint("policy") is None
    assert run.last_checkpoint("policy/helpful") == below
    run.finish("policy/helpful", "s", 1.0)
    assert not (run.path / ".checkpoints").exists() or not list((run.path / ".checkpoints").iterdir())


def test_no_path_of_a_run_leads_out_of_it(run: RunDirectory, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    run.write_text("sft/note.txt", "mine", stage="sft")
    (run.path / "sft/note.txt").unlink()
    (run.path / "sft/note.txt").symlink_to(secret)
    (run.path / "reward").symlink_to(tmp_path)
    with pytest.raises(ArtefactError, match="leads out of the run"):
        run.read_bytes("sft/note.txt")
    assert verify(run)[0].problem.startswith("leads out of the run")
    for name in ("reward/secret", "../secret", "/etc/passwd", "a/../../secret", "a\0b", "\ud800", "", "./a"):
        for use in (run.write_text, lambda name, _: run.log(name), lambda name, _: run.write_folder(name).__enter__()):
            with pytest.raises(ArtefactError, match="leads out of the run"):
                use(name, "stolen")
    assert secret.read_text() == "mine"
    run.close()
    manifest = json.loads((run.path / "manifest.json").read_text())
    manifest["files"]["../secret"] = {"sha256": digest_of(secret), "bytes": 4, "stage": "sft"}
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        ArtefactError, match=r"manifest\.json: not a manifest of a run \(the file '\.\./secret' leads out"
    ):
        RunDirectory.open(run.path)


def test_a_run_whose_folder_is_a_link_is_a_run(run: RunDirectory, tmp_path: Path) -> None:
    run.write_text("a", "one")
    run.close()
    (tmp_path / "link").symlink_to(run.path)
    with RunDirectory.open(tmp_path / "link") as again:
        assert again.read_bytes("a") == b"one"
        again.write_text("b", "two")


def test_verify_names_every_file_that_is_not_what_was_written(run: RunDirectory) -> None:
    for name in ("sft/a", "sft/b", "audit.json"):
        run.write_text(name, name, stage="sft")
    with run.write_folder("policy/model", stage="policy") as folder:
        (folder / "weights").write_text("w")
    run.begin("reward")
    run.log("reward/metrics.jsonl").append({"step": 1})
    run.save_checkpoint("reward", 1, put("one"))
    assert verify(run) == []
    (run.path / "sft/a").write_text("sft/A")
    (run.path / "sft/b").unlink()
    (run.path / "policy/model/weights").write_text("ww")
    (run.path / "policy/model/evil.py").write_text("import os")
    (run.path / ".checkpoints/reward/00000001/state").write_text("two")
    damages = {damage.file: (damage.problem.split(",")[0].split(" (")[0], damage.stage) for damage in verify(run)}
    checkpoint = damages.pop(".checkpoints/reward")
    assert "damaged checkpoint" in checkpoint[0]
    assert damages == {
        "sft/a": ("differs from its digest in the manifest", "sft"),
        "sft/b": ("missing", "sft"),
        "policy/model/weights": ("differs from its digest in the manifest", "policy"),
        "policy/model/evil.py": ("not in the manifest", ""),
    }


def test_a_part_of_a_stage_is_made_again_by_the_stage(run: RunDirectory) -> None:
    run.begin("policy")
    (run.write_text("policy-helpful/a", "a", stage="policy-helpful")).write_text("b")
    (damage,) = verify(run)
    assert (damage.file, damage.stage) == ("policy-helpful/a", "policy")


def test_a_damaged_checkpoint_is_refused(run: RunDirectory) -> None:
    run.save_checkpoint("sft", 1, put("one"))
    folder = run.path / ".checkpoints/sft/00000001"
    (folder / "state").write_text("two")
    with pytest.raises(ArtefactError, match="damaged checkpoint; start"):
        run.last_checkpoint("sft")
    (folder / "checkpoint.json").unlink()
    with pytest.raises(ArtefactError, match="damaged checkpoint; start"):
        run.last_checkpoint("sft")


def test_a_checkpoint_that_fails_leaves_the_one_before(run: RunDirectory) -> None:
    run.save_checkpoint("sft", 1, put("one"))

    def fails(folder: Path) -> None:
        (folder / "state").write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run.save_checkpoint("sft", 2, fails)
    found = run.last_checkpoint("sft")
    assert found is not None
    assert (found.step, (found.folder / "state").read_text()) == (1, "one")


KILLED = """
import os, signal, sys
from accord.run import RunDirectory
run = RunDirectory.open(sys.argv[1])
def half(folder):
    (folder / "state").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "checkpoint":
    run.save_checkpoint("sft", 2, half)
elif sys.argv[2] == "folder":
    with run.write_folder("sft/model") as folder:
        half(folder)
else:
    run.log("sft/metrics.jsonl").append({"step": 2})
    (run.path / "sft/metrics.jsonl").open("a").write('{"step": 3, "lo')
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("what", ["checkpoint", "folder", "log"])
def test_a_kill_leaves_the_last_whole_one(run: RunDirectory, what: str) -> None:
    run.save_checkpoint("sft", 1, put("one"))
    with run.write_folder("sft/model") as folder:
        (folder / "state").write_text("one")
    log = run.log("sft/metrics.jsonl")
    log.append({"step": 1})
    mark = log.mark()
    run.close()
    done = subprocess.run([sys.executable, "-c", KILLED, str(run.path), what], check=False)
    assert done.returncode == -signal.SIGKILL
    with RunDirectory.open(run.path) as again:
        found = again.last_checkpoint("sft")
        assert found is not None
        assert (found.step, (found.folder / "state").read_text()) == (1, "one")
        assert (again.verified("sft/model") / "state").read_text() == "one"
        log = again.log("sft/metrics.jsonl")
        assert [row["step"] for row in log.rows()] == ([1, 2] if what == "log" else [1])
        log.cut_back(mark)
        log.append({"step": 2})
        again.save_checkpoint("sft", 2, put("two"))
        assert [row["step"] for row in log.rows()] == [1, 2]
        assert sorted(path.name for path in (again.path / ".checkpoints/sft").iterdir()) == ["00000002"]


def test_a_log_drops_a_torn_line_before_it_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1}\n{"step": 2, "loss": 0.')
    log = GrowingLog(file)
    assert log.rows() == [{"step": 1}]
    log.append({"step": 2}, {"step": 3})
    assert [row["step"] for row in GrowingLog(file).rows()] == [1, 2, 3]


def test_a_log_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(ArtefactError, match=r"log\.jsonl:1: a damaged line"):
        GrowingLog(tmp_path / "log.jsonl").rows()


def test_a_grown_log_is_entered_at_the_end(run: RunDirectory) -> None:
    run.log("sft/metrics.jsonl").append({"step": 1})
    assert not run.has("sft/metrics.jsonl")
    run.adopt("sft/metrics.jsonl", stage="sft")
    assert run.read_jsonl("sft/metrics.jsonl") == [{"step": 1}]


@needs_full
def test_a_full_disk_is_one_clear_line_and_what_was_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_whole(target, b"before")
    (tmp_path / "a.json.part").symlink_to(FULL)
    with pytest.raises(StorageError, match=r"^\S+: the disk is full; free some space"):
        write_whole(target, b"after" * 10_000)
    assert target.read_bytes() == b"before"
    (tmp_path / "log.jsonl").symlink_to(FULL)
    with pytest.raises(StorageError, match="the disk is full"):
        GrowingLog(tmp_path / "log.jsonl").append({"step": 1})


@needs_full
def test_a_full_disk_leaves_the_last_checkpoint(run: RunDirectory) -> None:
    run.save_checkpoint("sft", 1, put("one"))

    def write(folder: Path) -> None:
        (folder / "state").symlink_to(FULL)
        (folder / "state").write_text("two")

    with pytest.raises(StorageError, match="the disk is full"):
        run.save_checkpoint("sft", 2, write)
    found = run.last_checkpoint("sft")
    assert found is not None
    assert found.step == 1


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a part of the path is a file"):
        RunDirectory.create(tmp_path / "file" / "run")
    if Path("/sys/kernel").is_dir():
        with pytest.raises(StorageError, match="choose a folder that can be written"):
            RunDirectory.create("/sys/kernel/run-of-a-test")


def test_a_change_between_two_verifications_is_seen(run: RunDirectory) -> None:
    file = run.write_text("a", "one")
    run.verified("a")
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    with pytest.raises(ArtefactError):
        run.verified("a")
    assert digest_of(file) != run.manifest.files["a"].sha256


def test_the_manifest_is_plain_json(run: RunDirectory) -> None:
    run.record_input("ledger", InputEntry("0f", path="feedback.db", rows=3))
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["inputs"] == {"ledger": {"digest": "0f", "path": "feedback.db", "rows": 3}}
    assert {"python", "accord", "torch"} <= set(manifest["versions"])
    assert manifest["machine"]["cores"]
