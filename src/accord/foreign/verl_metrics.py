"""What verl logs of its steps: JSON lines by the logger `file`, or TensorBoard's files."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from accord.artefacts import METRICS, OnlineMetrics
from accord.errors import ArtefactError, storage
from accord.feedback.formats.rows import SourceRow
from accord.foreign.cells import finite, step_in
from accord.foreign.event_files import event_folders, read_events
from accord.foreign.gathered import Gathered
from accord.foreign.generations import Generations
from accord.foreign.running_lines import running_lines

__all__ = ["add_metrics", "metric_event_folders", "metric_files"]

Entry = Mapping[str, float | None]
MARKS = ("critic/score/mean", "response_length/clip_ratio", "actor/pg_loss")


def metric_files(folder: Path) -> list[Path]:
    """Files of the logger `file`, in the folder or one below: a line `{"step": ..., "data": {...}}` a step."""
    with storage(folder):
        places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        files = [path for place in places for path in sorted(place.glob("*.jsonl")) if path.is_file()]
    return [path for path in files if not path.stem.isdigit() and _begins_as_metrics(path)]


def _begins_as_metrics(path: Path) -> bool:
    with storage(path), path.open("rb") as file:
        start = file.read(256)
    return start.startswith(b'{"step":') and b'"data":' in start


def metric_event_folders(folder: Path) -> list[Path]:
    return [place for place in event_folders(folder) if read_events(place).tags.intersection(MARKS)]


def add_metrics(folder: Path, trained: Generations | None, gathered: Gathered) -> None:
    """The metrics of the only file or folder that has some. Raises `ArtefactError` where several have."""
    places = [*metric_files(folder), *metric_event_folders(folder)]
    if len(places) > 1:
        raise ArtefactError(f"{places[0]} and {places[1]} both hold metrics of verl; name a folder of one run")
    if not places:
        return
    (place,) = places
    log = read_events(place).steps if place.is_dir() else _logged(place, gathered)
    samples = Counter(row.step for row in trained.rows) if trained is not None else {}
    gathered.metrics = [_online(step, entry, samples.get(step)) for step, entry in sorted(log.items()) if step >= 1]
    gathered.comes_from(METRICS, sorted(place.iterdir()) if place.is_dir() else [place], "policy")
    gathered.note(f"Metrics of {len(gathered.metrics)} steps in {place.name}.")


def _logged(path: Path, gathered: Gathered) -> Mapping[int, Entry]:
    """The entries of a file, by step; where a step stands twice, what was logged later counts."""
    lines, unfinished = running_lines(path)
    gathered.note(f"The last line of {path.name} is not whole yet and was left out." if unfinished else "")
    log: dict[int, dict[str, float | None]] = {}
    for line in lines:
        data = SourceRow(f"{line.place} data", line.mapping("data"))
        log.setdefault(step_in(line), {}).update(_numbers(data))
    return log


def _numbers(row: SourceRow) -> dict[str, float | None]:
    """The numbers of an entry. Raises `RecordError` where a column that is read holds something else."""
    numbers = {}
    for name, value in row.content.items():
        try:
            numbers[name] = finite(value)
        except TypeError as error:
            if name in _READ:
                raise row.bad(name, str(error)) from None
    return numbers


_READ = frozenset(
    {"critic/score/mean", "response_length/mean", "response_length/clip_ratio", "actor/entropy", "actor/grad_norm"}
    | {"actor/lr", "actor/pg_loss", "actor/pg_clipfrac", "actor/kl_loss", "actor/reward_kl_penalty", "actor/kl_coef"}
    | {"actor/reward_kl_penalty_coeff", "critic/vf_loss", "critic/vf_explained_var", "timing_s/step"}
    | {"rollout_corr/k3_kl"}
)


def _online(step: int, entry: Entry, samples: int | None) -> OnlineMetrics:
    """A step. The KL is a mean a token; times the mean length it is about that of a text.

    Of which estimator it is, verl does not log; none of them is lower than the log-ratio is by chance.
    """
    length, clipped = entry.get("response_length/mean"), entry.get("response_length/clip_ratio")
    kl = _first(entry, "actor/reward_kl_penalty", "actor/kl_loss")
    return OnlineMetrics(
        step=step,
        lr=entry.get("actor/lr"),
        grad_norm=entry.get("actor/grad_norm"),
        seconds=entry.get("timing_s/step"),
        reward=entry.get("critic/score/mean"),
        reward_std=None,
        kl=None if kl is None or length is None else kl * length,
        samples=samples,
        kl_se=None,
        entropy=entry.get("actor/entropy"),
        clip_frac=entry.get("actor/pg_clipfrac"),
        policy_loss=entry.get("actor/pg_loss"),
        length=length,
        stop_rate=None if clipped is None else 1 - clipped,
        sampler_logprob_diff=None,
        sampler_kl=entry.get("rollout_corr/k3_kl"),
        kl_coef=_first(entry, "actor/reward_kl_penalty_coeff", "actor/kl_coef"),
        value_loss=entry.get("critic/vf_loss"),
        explained_variance=entry.get("critic/vf_explained_var"),
    )


def _first(entry: Entry, *names: str) -> float | None:
    return next((entry[name] for name in names if entry.get(name) is not None), None)
