"""Runs of OpenRLHF: what TensorBoard's files hold of them."""

import base64
import struct
from pathlib import Path

import pytest

from accord.artefacts import OnlineMetrics
from accord.errors import ArtefactError, RecordError
from accord.foreign.event_files import read_events
from accord.foreign.openrlhf import read
from accord.foreign.settings import ReadingSettings
from foreign_files import event, ppo_step, write_events

# Two numbers and a text, written by torch's SummaryWriter at step 3.
WRITTEN = """
SAAAAAAAAAD+kkidCXaJZHgjw9pBGg1icmFpbi5FdmVudDoyUi4KLHRlbnNvcmJvYXJkLnN1bW1hcnkud3JpdGVyLmV2ZW50X2ZpbGVfd3JpdGVy
/KYEiicAAAAAAAAAu+GxRgnVkGR4I8PaQRADKhoKGAoRdHJhaW4vcG9saWN5X2xvc3MVAACAvmRf5X9NAAAAAAAAAD1j1KYJqpFkeCPD2kEQAypA
Cj4KJHRyYWluL2dlbmVyYXRlZF9zYW1wbGVzL3RleHRfc3VtbWFyeUIMCAcSBBICCAFCAmhpSggKBgoEdGV4dLlv0fAvAAAAAAAAAG1dHVAJ7JFk
eCPD2kEQAyoiCiAKGXRyYWluL3JvbGxvdXQvcmV3YXJkX21lYW4VAADAP2qqqsM=
"""
NAME = "events.out.tfevents.1"


def test_a_file_of_torch_is_read(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(base64.b64decode(WRITTEN))
    events = read_events(tmp_path)
    assert events.steps == {3: {"train/policy_loss": -0.25, "train/rollout/reward_mean": 1.5}}
    assert events.unfinished == 0


def test_a_record_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    whole = base64.b64decode(WRITTEN)
    for size in range(len(whole) - 62, len(whole)):
        (tmp_path / NAME).write_bytes(whole[:size])
        events = read_events(tmp_path)
        assert events.steps == {3: {"train/policy_loss": -0.25}}
        assert events.unfinished == (size > len(whole) - 63)


@pytest.mark.parametrize(
    ("place", "problem"), [(0, "byte 0: no record"), (8, "byte 0: no record"), (30, "byte 0: a record")]
)
def test_a_damaged_file_is_refused_by_its_place(place: int, problem: str, tmp_path: Path) -> None:
    content = bytearray(base64.b64decode(WRITTEN))
    content[place] ^= 1
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(RecordError, match=rf"{NAME} {problem}"):
        read_events(tmp_path)


@pytest.mark.parametrize("record", [b"\xff" * 12, b"\x2a\x7f1", b"\x0b", b"\x10" + b"\xff" * 9 + b"\x01" + b"\x2a\x00"])
def test_a_record_that_is_no_event_is_refused(record: bytes, tmp_path: Path) -> None:
    """Wrong numbers of bytes, groups, a step beyond 2^53."""
    write_events(tmp_path / NAME, [record])
    with pytest.raises(RecordError, match=rf"{NAME} byte \d+: (no event|the step)"):
        read_events(tmp_path)


def test_files_of_one_folder_are_one_log(tmp_path: Path) -> None:
    """A run that was taken up again; what was logged later counts."""
    write_events(tmp_path / "events.out.tfevents.1", [event(1, {"a": 1.0}), event(2, {"a": 2.0})])
    write_events(
        tmp_path / "events.out.tfevents.2",
        [event(2, {"a": 3.0}), event(3, {"a": struct.unpack("<f", b"\0\0\xc0\x7f")[0]})],
    )
    assert read_events(tmp_path).steps == {1: {"a": 1.0}, 2: {"a": 3.0}, 3: {"a": None}}


def test_steps_of_ppo(tmp_path: Path) -> None:
    write_events(tmp_path / "ppo_1" / NAME, [*map(ppo_step, range(1, 4)), event(4, {"eval/acc": 0.5})])
    gathered = read(tmp_path, ReadingSettings())
    assert [row.step for row in gathered.metrics] == [1, 2, 3]
    row = gathered.metrics[2]
    assert isinstance(row, OnlineMetrics)
    assert (row.reward, row.length, row.samples) == (pytest.approx(0.3), 100.0, 64)
    assert row.stop_rate == pytest.approx(0.95)
    assert row.kl == pytest.approx(0.002 * 100)
    assert "1 entries were left out" in " ".join(gathered.notes)


def test_without_a_reference_a_kl_of_0_is_none(tmp_path: Path) -> None:
    write_events(tmp_path / NAME, [ppo_step(1, logprobs_diff=0.0)])
    (row,) = read(tmp_path, ReadingSettings()).metrics
    assert isinstance(row, OnlineMetrics)
    assert row.kl is None


def test_dpo_and_rewards_are_logged_alike_and_told(tmp_path: Path) -> None:
    numbers = {"train/loss": 0.7, "train/acc": 0.75, "train/chosen_reward": 0.5, "train/reject_reward": -0.25}
    write_events(tmp_path / NAME, [event(1, numbers)])
    gathered = read(tmp_path, ReadingSettings())
    assert gathered.metrics == []
    assert "A log of DPO or of a reward" in gathered.notes[0]


def test_two_runs_are_refused(tmp_path: Path) -> None:
    for name in ("ppo_1", "ppo_2"):
        write_events(tmp_path / name / NAME, [ppo_step(1)])
    with pytest.raises(ArtefactError, match="both hold logs of OpenRLHF; name the folder of one run"):
        read(tmp_path, ReadingSettings())
