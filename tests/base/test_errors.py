"""The exception tree, the nearest name, and the operating system's refusals in one line."""

import errno
from pathlib import Path

import pytest

from accord import errors
from accord.errors import AccordError, StorageError, TrainingStopped, WaitingForPeople, nearest, storage


def test_exit_statuses() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AccordError)]
    others = {TrainingStopped: 3, WaitingForPeople: 4}
    assert {kind.exit_status for kind in kinds if kind not in others} == {2}
    assert {kind: kind.exit_status for kind in others} == others


def test_the_tree_in_the_docstring_is_whole() -> None:
    drawn = errors.__doc__ or ""
    names = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AccordError)]
    assert all(name in drawn for name in names)


def test_nearest() -> None:
    assert nearest("betta", ["beta", "gamma"]) == "; did you mean 'beta'?"
    assert nearest("zzz", ["beta", "alpha"]) == "; known are alpha, beta"


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "permission denied"), (errno.EROFS, "read-only")],
)
def test_a_refusal_becomes_one_line_with_a_remedy(number: int, words: str) -> None:
    with pytest.raises(StorageError, match=words) as caught, storage(Path("some/place")):
        raise OSError(number, "refused")
    assert str(caught.value).startswith("some/place: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_matter_of_storage_passes() -> None:
    with pytest.raises(ConnectionRefusedError), storage("x"):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    with pytest.raises(ValueError, match="own"), storage("x"):
        raise ValueError("own")


def test_the_file_at_fault_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"missing\.txt: no such file"), storage(tmp_path):
        (tmp_path / "missing.txt").read_text()
