"""What a disk may do to a run: be full, fail, be read-only, hold other files than it was given."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accord.errors import ArtefactError, StorageError
from accord.feedback import Ledger
from accord.records import Prompt
from accord.run import GrowingLog, RunDirectory, verify, write_whole

# A stage of a run from its beginning to its end, as a training loop does it; again and again, with a fault at each
# place where it changes its files; then once more without one, as whoever goes on does.
SWEEP = """
import errno, json, os, shutil, sys
from pathlib import Path
from accord.errors import ArtefactError, StorageError
from accord.run import LogMark, Retention, RunDirectory, verify

home, fault = Path(sys.argv[1]), getattr(errno, sys.argv[2])
root, count, at = "", 0, 0
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}

def watch(event, arguments):
    global count
    if not at or event not in CHANGES | {"open"} or not isinstance(arguments[0], (str, os.PathLike)):
        return
    if event == "open" and not (set(arguments[1] or "") & set("wax+")):
        return
    if str(arguments[0]).startswith(root):
        count += 1
        if count == at:
            raise OSError(fault, os.strerror(fault), str(arguments[0]))

sys.addaudithook(watch)

def put(step):
    def write(folder):
        (folder / "state").write_text(str(step))
    return write

def stage(path):
    with (RunDirectory.open if (path / "manifest.json").exists() else RunDirectory.create)(path) as run:
        run.retention = Retention(2)
        if run.is_done("sft", "settings"):
            return
        run.begin("sft", "basis")
        kept = run.last_checkpoint("sft")
        step = kept.step if kept else 0
        log = run.log("sft/metrics.jsonl")
        mark = json.loads((kept.folder / "mark").read_text()) if kept else None
        log.cut_back(LogMark(**mark) if mark else None)
        for number in range(step + 1, 4):
            log.append({"step": number})
            def write(folder, number=number):
                (folder / "mark").write_text(json.dumps(vars(log.mark())))
                put(number)(folder)
            run.save_checkpoint("sft", number, write)
        with run.write_folder("sft/model", stage="sft") as folder:
            put("model")(folder)
        run.write_json("sft/summary.json", {"steps": 3}, stage="sft")
        run.adopt("sft/metrics.jsonl", stage="sft")
        run.finish("sft", "settings", 0.0, basis="basis")

def files(path):
    return {
        str(each.relative_to(path)): each.read_text()
        for each in sorted(path.rglob("*"))
        if each.is_file() and each.name not in {"manifest.json", ".lock"}
    }

def entered(path):
    content = json.loads((path / "manifest.json").read_text())
    return content["files"], list(content["stages"]), content["begun"], content["spent"]

stage(home / "whole")
whole = files(home / "whole"), entered(home / "whole")
problems, faults = [], 0
while True:
    path = home / "run"
    shutil.rmtree(path, ignore_errors=True)
    root, count, at = str(path), 0, faults + 1
    try:
        stage(path)
        raised = None
    except Exception as error:
        raised = error
    fired, at = count >= at, 0
    if not fired:
        break
    faults += 1
    if raised is not None and not isinstance(raised, StorageError):
        problems.append(f"{faults}: {type(raised).__name__}: {raised}")
    if (path / "manifest.json").exists():
        with RunDirectory.open(path) as run:
            damages = verify(run)
            problems += [f"{faults}: {each}" for each in damages]
    try:
        stage(path)
    except Exception as error:
        problems.append(f"{faults}: going on: {type(error).__name__}: {error}")
        continue
    with RunDirectory.open(path) as run:
        problems += [f"{faults}: in the end: {each}" for each in verify(run)]
    if (files(path), entered(path)) != whole:
        problems.append(f"{faults}: {files(path)} {entered(path)}")
print(json.dumps({"faults": faults, "problems": problems}))
"""


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_fault_at_any_change_of_a_file_is_one_clear_error_and_the_run_goes_on(fault: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, str(tmp_path), fault], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] > 60
    assert found["problems"] == []


# A process that may write no file beyond a size, which ends a write in its middle as a full disk does.
SMALL_FILES = """
import resource, sys
from pathlib import Path
from accord.errors import StorageError
from accord.run import RunDirectory

with RunDirectory.open(sys.argv[1]) as run:
    log = run.log("sft/metrics.jsonl")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    said = []
    for name, write in {
        "log": lambda: [log.append({"step": step, "text": "x" * 3_000}) for step in range(2, 20)],
        "checkpoint": lambda: run.save_checkpoint("sft", 2, lambda to: (to / "state").write_bytes(b"2" * 30_000)),
        "folder": lambda: fill(run),
        "artefact": lambda: run.write_text("sft/text", "2" * 30_000, stage="sft"),
    }.items():
        try:
            write()
        except StorageError as error:
            said.append(f"{name}: {error}")
print("\\n".join(said))
"""
SMALL_FILES = SMALL_FILES.replace(
    "with RunDirectory.open",
    """def fill(run):
    with run.write_folder("sft/model", stage="sft") as folder:
        (folder / "weights").write_bytes(b"2" * 30_000)

with RunDirectory.open""",
    1,
)


def put(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "state").write_text(text) and None


def filled(path: Path) -> Path:
    """A run with something of each kind."""
    with RunDirectory.create(path) as run:
        run.begin("sft")
        run.log("sft/metrics.jsonl").append({"step": 1})
        run.save_checkpoint("sft", 1, put("1"))
        with run.write_folder("sft/model", stage="sft") as folder:
            (folder / "weights").write_text("1")
        run.write_text("sft/text", "1", stage="sft")
    return path


def is_as_filled(path: Path) -> None:
    with RunDirectory.open(path) as run:
        assert verify(run) == []
        assert run.read_bytes("sft/text") == b"1"
        assert (run.verified("sft/model") / "weights").read_text() == "1"
        kept = run.last_checkpoint("sft")
        assert kept is not None
        assert (kept.step, (kept.folder / "state").read_text()) == (1, "1")
        assert not list(path.rglob("*.part"))


def test_a_write_that_ends_in_its_middle_leaves_what_was_there(tmp_path: Path) -> None:
    path = filled(tmp_path / "run")
    done = subprocess.run([sys.executable, "-c", SMALL_FILES, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == ["log", "checkpoint", "folder", "artefact"]
    assert all("larger than the file system or a limit allows" in line for line in said)
    is_as_filled(path)
    with RunDirectory.open(path) as run:
        log = run.log("sft/metrics.jsonl")
        whole = len(log.rows())
        assert 1 < whole < 19
        log.append({"step": 99})
        assert [row["step"] for row in log.rows()] == [*range(1, whole + 1), 99]


# -- a disk of its own -----------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system; whoever asks for it is skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("no file system can be mounted here, which takes the rights of root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def take_all_room(disk: Path, but: int) -> Path:
    """A file that leaves so many bytes free."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    ballast.write_bytes(b"\0" * (room.f_bavail * room.f_frsize - but))
    return ballast


@pytest.mark.parametrize("room", [0, 4_096, 16_384])
def test_a_disk_that_is_full(room: int, disk: Path) -> None:
    path = filled(disk / "run")
    ballast = take_all_room(disk, room)
    many = "2" * 200_000
    with RunDirectory.open(path) as run:
        with pytest.raises(StorageError, match="the disk is full; free some space and run the same command again"):
            run.save_checkpoint("sft", 2, put(many))
        with pytest.raises(StorageError, match="the disk is full"):
            run.write_text("sft/text", many, stage="sft")
        with pytest.raises(StorageError, match="the disk is full"), run.write_folder("sft/model") as folder:
            (folder / "weights").write_text(many)
        log = run.log("sft/metrics.jsonl")
        with pytest.raises(StorageError, match="the disk is full"):
            log.append({"step": 2, "text": many})
    ballast.unlink()
    is_as_filled(path)
    with RunDirectory.open(path) as run:
        assert [row["step"] for row in run.log("sft/metrics.jsonl").rows()] == [1]
        run.save_checkpoint("sft", 2, put("2"))
        assert run.last_checkpoint("sft").step == 2  # type: ignore[union-attr]


def test_a_manifest_that_no_longer_fits_stays_the_one_before(disk: Path) -> None:
    path = filled(disk / "run")
    before = (path / "manifest.json").read_bytes()
    with RunDirectory.open(path) as run:
        run.manifest.waiting["sft"] = "x" * 300_000
        ballast = take_all_room(disk, 8_192)
        with pytest.raises(StorageError, match="the disk is full"):
            run.begin("reward")
    assert (path / "manifest.json").read_bytes() == before
    ballast.unlink()
    is_as_filled(path)


def test_a_new_run_on_a_full_disk_leaves_a_folder_that_can_be_used(disk: Path) -> None:
    ballast = take_all_room(disk, 0)
    with pytest.raises(StorageError, match="the disk is full"):
        RunDirectory.create(disk / "run")
    ballast.unlink()
    RunDirectory.create(disk / "run").close()


def test_a_ledger_on_a_full_disk_keeps_what_was_said(disk: Path) -> None:
    first = [Prompt.ask(f"first {number}") for number in range(20)]
    with Ledger(disk / "feedback.db") as ledger:
        ledger.add(*first)
    ballast = take_all_room(disk, 8_192)
    with pytest.raises(StorageError, match="the disk is full"), Ledger(disk / "feedback.db") as ledger:
        ledger.add(*(Prompt.ask("x" * 2_000 + str(number)) for number in range(400)))
    ballast.unlink()
    with Ledger(disk / "feedback.db") as ledger:
        assert set(ledger.prompts()) == {prompt.id for prompt in first}
        ledger.add(Prompt.ask("more"))
        assert len(ledger.prompts()) == 21


def test_a_disk_that_may_only_be_read(disk: Path) -> None:
    path = filled(disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageError, match="the file system is read-only; choose a folder that can be written"):
        RunDirectory.open(path)
    with pytest.raises(StorageError, match="read-only"):
        RunDirectory.create(disk / "other")
    with pytest.raises(StorageError, match="read-only"):
        write_whole(path / "report.html", b"page")
    with RunDirectory.open(path, write=False) as run:
        assert verify(run) == []
        assert run.read_bytes("sft/text") == b"1"
        assert GrowingLog(path / "sft/metrics.jsonl").rows() == [{"step": 1}]


# -- files that are not what the manifest says -----------------------------------------------------------------


def test_files_that_changed_places_are_found(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunDirectory.create(path) as run:
        for name in ("a", "b"):
            run.write_text(f"sft/{name}", name, stage="sft")
    (path / "sft/a").rename(path / "sft/c")
    (path / "sft/b").rename(path / "sft/a")
    (path / "sft/c").rename(path / "sft/b")
    with RunDirectory.open(path) as run:
        assert [each.file for each in verify(run)] == ["sft/a", "sft/b"]
        for name in ("sft/a", "sft/b"):
            with pytest.raises(ArtefactError, match="differs from its digest"):
                run.read_bytes(name)


def test_an_earlier_manifest_that_was_put_back(tmp_path: Path) -> None:
    """As a backup of the manifest alone does it: what it does not know is told, and what it knows otherwise refused."""
    path = filled(tmp_path / "run")
    before = (path / "manifest.json").read_bytes()
    with RunDirectory.open(path) as run:
        run.write_text("sft/text", "2", stage="sft")
        run.write_text("reward/text", "2", stage="reward")
        run.finish("sft", "settings", 1.0)
    (path / "manifest.json").write_bytes(before)
    with RunDirectory.open(path) as run:
        assert {each.file: each.problem.partition(" (")[0] for each in verify(run)} == {
            "sft/text": "differs from its digest in the manifest",
            "reward/text": "not in the manifest",
        }
        assert not run.is_done("sft", "settings")
        assert run.last_checkpoint("sft") is None


def test_a_manifest_that_ends_in_its_middle_is_no_run_and_nothing_is_deleted(tmp_path: Path) -> None:
    path = filled(tmp_path / "run")
    content = (path / "manifest.json").read_bytes()
    files = {each: each.read_bytes() for each in path.rglob("*") if each.is_file() and each.name != "manifest.json"}
    for cut in (0, 1, len(content) // 2, len(content) - 3):
        (path / "manifest.json").write_bytes(content[:cut])
        with pytest.raises(ArtefactError, match="not a manifest of a run"):
            RunDirectory.open(path)
    assert {each: each.read_bytes() for each in files} == files
    (path / "manifest.json").write_bytes(content)
    is_as_filled(path)


def test_a_wall_clock_that_jumps_changes_no_time_that_a_stage_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path / "run")
    with RunDirectory.open(path) as run:
        earlier = run.manifest.spent["sft"].seconds
        run.begin("sft")
        monkeypatch.setattr("time.time", lambda: 0.0)
        run.save_checkpoint("sft", 2, put("2"))
        assert earlier <= run.manifest.spent["sft"].seconds < earlier + 60
        monkeypatch.setattr("time.time", lambda: 4e9)
        run.finish("sft", "settings", 1.0)
        assert earlier + 1 <= run.manifest.stages["sft"].seconds + 0.01 < earlier + 60
