"""Everything that accord raises on purpose.

    AccordError                    exit status 2 unless said otherwise
    ├── RecordError                a record of somebody's feedback is malformed
    ├── LedgerError                the ledger refuses: not a ledger, locked, an edit of what was said
    ├── RecipeError                a recipe that cannot be run
    ├── ExtensionError             a Python file of the user's own cannot be loaded, or registers a name twice
    ├── RecordingError             what a server is to record of its requests is not stated as it can be
    ├── StudyError                 a study of people, or a file of its items, that cannot be used
    ├── StatementError             what people state for a disclosure cannot be read
    ├── AccessError                an invite or a link does not let anybody in; `reason` says why
    ├── FormError                  what an evaluator sent cannot be read as an answer; `field` says where
    ├── Conflict                   an answer came too late or twice; `reason` says which, and what was sent is kept
    ├── ArtefactError              a file of a run is missing, half written or not what the manifest says
    ├── AuditError                 a check or a challenge that is not known, or is registered twice
    │   └── MissingEvidence        an input that a check needs is not in the run; `what` names it
    ├── StorageError               the disk is full, or a folder cannot be written
    ├── ModelError                 a model or tokenizer is missing or cannot do what is asked
    │   ├── EndpointError          an endpoint cannot be reached, refuses, or answers what cannot be read
    │   └── ForeignCodeError       a model comes with code of its own, which nobody said may run
    ├── MissingExtraError          an optional part of accord is not installed (an `ImportError` as well)
    ├── FetchError                 a pinned package could not be fetched, or is not what was pinned
    ├── WaitingForPeople           people have to judge something before a run can go on (exit status 4)
    └── TrainingStopped            a number left its bounds; the last good step is kept (exit status 3)

    SlowPathWarning                what is asked can only be done slowly; told as a warning, never raised

Every message names the place and the remedy. Anything else that escapes is a bug in accord.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, Literal

__all__ = [
    "AccessError",
    "AccordError",
    "ArtefactError",
    "AuditError",
    "Conflict",
    "EndpointError",
    "ExtensionError",
    "FetchError",
    "ForeignCodeError",
    "FormError",
    "LedgerError",
    "MissingEvidence",
    "MissingExtraError",
    "ModelError",
    "RecipeError",
    "RecordError",
    "RecordingError",
    "SlowPathWarning",
    "StatementError",
    "StorageError",
    "StudyError",
    "TrainingStopped",
    "WaitingForPeople",
    "nearest",
    "storage",
]


class AccordError(Exception):
    """The root of the tree: something a person asked for cannot be done, and the message says why."""

    exit_status: ClassVar[int] = 2


class RecordError(AccordError):
    """A record is malformed. `place` is `file:line field` where those are known."""

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


class LedgerError(AccordError):
    """The ledger cannot do this, or must not."""


class RecipeError(AccordError):
    """A recipe cannot be run as it stands."""


class ExtensionError(AccordError):
    """A Python file of the user's own cannot be loaded, or registers a name that is taken."""


class RecordingError(AccordError):
    """What a server is to record cannot be read, or cannot be kept as it is stated."""


class StudyError(AccordError):
    """A study, or a file of its items, cannot be used as it stands."""


class StatementError(AccordError):
    """What people state for a disclosure cannot be read, or contradicts itself."""


class AccessError(AccordError):
    """An invite or a link does not let anybody in, or somebody has no right to see something. The message is for the
    person in front of the screen."""

    def __init__(
        self, reason: Literal["expired", "used", "forged", "paused", "no right", "code"], message: str
    ) -> None:
        super().__init__(message)
        self.reason = reason


class FormError(AccordError):
    """A form cannot be read as an answer. The message is for the person in front of the screen."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Conflict(AccordError):  # noqa: N818 - it reads as what happened
    """An answer met another state than it was given in; the message says what became of it."""

    def __init__(self, reason: Literal["already answered", "paused"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ArtefactError(AccordError):
    """A file of a run is missing, half written, or differs from its digest in the manifest."""


class AuditError(AccordError):
    """A check or a challenge is not known, or is registered twice."""


class MissingEvidence(AuditError):  # noqa: N818 - it is no error of the program: the check becomes NOT_ASSESSABLE
    """An input that a check needs is not in the run; `what` names it and how it would get there."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class StorageError(AccordError):
    """The disk is full, or a file or folder cannot be read or written."""


class ModelError(AccordError):
    """A model or tokenizer is missing, or cannot do what is asked of it."""


class EndpointError(ModelError):
    """An endpoint cannot be reached, refuses, or answers what cannot be read.

    `may_pass` says whether the same request may be answered later: a refusal by name (401, 404) will not.
    """

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class ForeignCodeError(ModelError):
    """A model comes with code of its own, and whoever opens it did not say that it may run."""


class MissingExtraError(AccordError, ImportError):
    """An optional part of accord is not installed; the message names the command that installs it, `extra` the part."""

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra


class FetchError(AccordError):
    """A pinned package could not be fetched, or its content is not what was pinned."""


class TrainingStopped(AccordError):  # noqa: N818 - it reads as what happened
    """Training stopped itself because a number left its bounds; the last good step is kept."""

    exit_status: ClassVar[int] = 3


class WaitingForPeople(AccordError):  # noqa: N818 - it reads as what happened
    """A run goes on when people have judged what it put to them; all that was done is kept."""

    exit_status: ClassVar[int] = 4


class SlowPathWarning(UserWarning):
    """What is asked can only be done slowly; whoever measures makes an error of it."""


def nearest(name: str, known: list[str]) -> str:
    """`; did you mean 'beta'?` for the closest known name, or the list of what is known."""
    swapped = [each for each in known if sorted(each) == sorted(name)]
    close = swapped or get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(known))}"


_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EACCES: "permission denied; choose a folder that can be written",
    errno.EPERM: "permission denied; choose a folder that can be written",
    errno.EROFS: "the file system is read-only; choose a folder that can be written",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "this is a folder, not a file",
    errno.EEXIST: "something of that name is already there",
    errno.ENAMETOOLONG: "the name is too long for the file system; choose a shorter one",
    errno.ELOOP: "a symbolic link leads in a circle",
    errno.EFBIG: "the file is larger than the file system or a limit allows",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.EIO: "the device reports an error; check the disk",
}


@contextmanager
def storage(path: Path | str) -> Iterator[None]:
    """Turn the operating system's refusals inside the block into one clear `StorageError` about `path`."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        raise StorageError(f"{error.filename or path}: {remedy}") from error
