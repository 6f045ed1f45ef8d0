"""What a run does right now: worked on, waiting for people, stopped, ended, or damaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from accord.run import Holder
from accord.watch.snapshot import Snapshot
from accord.watch.stage_table import StageRow

__all__ = ["RunState", "state_of"]

Kind = Literal["damaged", "running", "waits", "stopped", "ended", "empty"]


@dataclass(frozen=True)
class RunState:
    """The state in a word, which of its stages it is about, and a sentence that says why."""

    kind: Kind
    stage: str
    words: str

    @property
    def word(self) -> str:
        """As it is shown."""
        return {"waits": "waits for people", "empty": "not begun"}.get(self.kind, self.kind)

    @property
    def is_live(self) -> bool:
        """Whether its files may change at any moment."""
        return self.kind == "running"


def state_of(snapshot: Snapshot, stages: Sequence[StageRow]) -> RunState:
    """The state of a run: what the lock says first, then what its manifest says."""
    manifest = snapshot.manifest
    if manifest is None:
        return RunState("damaged", "", snapshot.problem)
    going = next((row for row in stages if row.state in {"going", "waits", "stopped"}), None)
    name = "" if going is None else going.name
    if snapshot.holder is not None and (going is not None or not snapshot.prefix):
        doing = f": {name} goes on" if going is not None and going.state == "going" else ""
        return RunState("running", name, f"{_named(snapshot.holder)} works on it{doing}.")
    waiting = [row for row in stages if row.state == "waits"]
    if waiting:
        return RunState("waits", waiting[0].name, waiting[0].why)
    if going is not None:
        return RunState("stopped", name, going.why)
    missing = [row.name for row in stages if row.state == "to come"]
    if not any(row.state == "done" for row in stages):
        return RunState("empty", "", "No stage of it has begun, and no process works on it.")
    if missing:
        return RunState("stopped", missing[0], f"Not begun: {', '.join(missing)}. Go on with accord run --resume.")
    return RunState("ended", stages[-1].name, "All its stages are done.")


def _named(holder: Holder) -> str:
    if holder.pid is None:
        return "A process that does not say which"
    since = "" if holder.since is None else f" since {holder.since:%Y-%m-%d %H:%M} UTC"
    return f"Process {holder.pid} on {holder.host}{since}"
