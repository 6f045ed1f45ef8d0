"""One comparison after the other, within a time; what was measured is kept at once, and gone on from."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.decoding.environments import MODULES, MissingPeerError, python_of
from benchmarks.machine import PLAYED, about, source_digest
from benchmarks.pairs import measure
from benchmarks.rows import row_of
from benchmarks.stages import ALIKE, EXPECTED, GOALS, SETTINGS, STAGES, settings_of
from benchmarks.turns import SideFailedError, TooSlowError

__all__ = ["Comparison", "Course", "plan"]

MORE = 0.05  # steps of ours that lie further apart than this ask for one more step each
COUNTED = 2
ABLE, BOUND = 2.0, 1.1  # how far beyond its goal a peer may be before it is ended, with bfloat16 and without
UNGOALED = 4.0  # the same where there is no goal: times as long as ours
LEFT = 60.0  # seconds: with fewer left, no comparison is begun
Comparison = tuple[str, str]


def plan(*, computes_bfloat16: bool, only: Sequence[str] = (), default_only: bool = False) -> list[Comparison]:
    """Stage and setting of every comparison on a machine, in order."""
    found = []
    for stage in STAGES:
        names = settings_of(stage, computes_bfloat16=computes_bfloat16)
        found += [(stage, name) for name in (names[:1] if default_only else names)]
    return [pair for pair in found if not only or pair[0] in only]


class Course:
    """The benchmark of one kind of machine, as far as it has come.

    folder   where it is kept until it is whole, and what sides read
    minutes  what this may take, beside what was measured before it was broken off
    """

    def __init__(self, folder: Path, *, play: str | None, minutes: float, fresh: bool = False) -> None:
        self.environment = {**os.environ, **({} if play is None else PLAYED[play])}
        self.minutes, self._spent, self._expected = minutes, 0.0, 0.0
        machine = {**about(os.environ, play), "source": source_digest()}
        machine["threads"] = _threads(self.environment, machine["cores"])
        self.kind = machine["kind"] = f"{machine['kind']}-{machine['threads']}-threads"
        self.file = folder / f"{self.kind}.json"
        self._facts_file, self._writing_file = folder / f"{self.kind}.facts", folder / "writing"
        folder.mkdir(parents=True, exist_ok=True)
        self.report = self._taken_up(machine, fresh)
        self.facts: dict[str, Any] = {}
        self.is_whole = True  # nothing failed, and there was time for all

    def _taken_up(self, machine: Mapping[str, Any], fresh: bool) -> dict[str, Any]:
        """What is there of the same sources; else a new one."""
        if not fresh and self.file.is_file():
            kept: dict[str, Any] = json.loads(self.file.read_text())
            if kept["machine"]["source"] == machine["source"]:
                print(f"goes on from {self.file}: {len(kept['results'])} comparisons are there", flush=True)
                return {**kept, "failed": [], "left_out": []}
            print(f"{self.file} is of other sources: measured anew", flush=True)
        return {
            "machine": dict(machine),
            "limits": {},
            "busy": None,
            "seconds": 0.0,
            "results": [],
            "failed": [],
            "left_out": [],
            "growth": [],
        }

    def gather_facts(self) -> None:
        """Limits and work, in a process of its own. Raises `SideFailedError` where that fails."""
        command = [sys.executable, "-m", "benchmarks", "facts", str(self._facts_file)]
        process = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if process.returncode:
            raise SideFailedError(process.stderr.strip()[-1500:])
        self.facts = json.loads(self._facts_file.read_text())
        self._writing_file.write_text(json.dumps(self.facts["writing"]))
        self.environment |= {
            "BENCH_WRITING": str(self._writing_file),
            "BENCH_THREADS": str(self.facts["path"]["threads"]),
        }
        self.report["limits"] = self.facts["limits"]
        self.report["machine"]["path"] = self.facts["path"]

    def run(self, comparisons: Sequence[Comparison]) -> None:
        """Measure what is still to be measured. One that fails is recorded with its error, and the others go on."""
        done = {(row["stage"], row["peer_setting"]) for row in self.report["results"]}
        left = [pair for pair in comparisons if pair not in done]
        self.leave_out("all", "bfloat16 masters and moments", ALIKE)
        for place, (stage, name) in enumerate(left):
            began = time.monotonic()
            counted = self._counted([stage for stage, _ in left[place:]])
            if counted is None:
                self.leave_out(stage, name, f"no time was left of {self.minutes:g} minutes; run the same again")
                self.is_whole = False
                continue
            self._compare(stage, name, f"[{place + 1}/{len(left)}]", counted)
            self._spent += time.monotonic() - began
            self._expected += EXPECTED[stage]
            self.report["seconds"] += time.monotonic() - began
            self.keep()
        self.keep()

    def leave_out(self, stage: str, name: str, reason: str) -> None:
        """Say that something is not measured, and why."""
        self.report["left_out"].append({"stage": stage, "peer_setting": name, "reason": reason})

    def keep(self) -> None:
        """Write what there is, whole or not at all."""
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.report, indent=1) + "\n")
        part.replace(self.file)

    def _counted(self, stages: Sequence[str]) -> int | None:
        """How many steps of the first of these stages count; None where there is no time to begin it.

        One more where steps of ours lay apart in the comparison before, one alone where what is left would take too
        long at the pace so far.
        """
        remaining = 60 * self.minutes - self._spent
        if remaining < LEFT:
            return None
        pace = self._spent / self._expected if self._expected else 1.0
        if pace * sum(EXPECTED[stage] for stage in stages) > remaining:
            return 1
        known = [row["spread"] for row in self.report["results"] if row["stage"] == stages[0]]
        return COUNTED + bool(known and known[-1] > MORE)

    def _compare(self, stage: str, name: str, place: str, counted: int) -> None:
        label = f"{place} {stage}, {name}"
        setting = SETTINGS.get(name)
        if setting is not None and setting.of in MODULES:
            try:
                python_of(setting.of)
            except MissingPeerError as missing:
                return self._say_left_out(label, stage, name, str(missing))
            if self.report["machine"]["played"]:
                return self._say_left_out(
                    label, stage, name, "it chooses its instructions itself: nothing can be played"
                )
        print(f"{label} ...", flush=True)
        try:
            pair = measure(
                stage,
                name,
                counted=counted,
                bound=self._bound_of(stage, name),
                environment=self.environment,
            )
            row = row_of(stage, name, pair, self.facts)
        except (SideFailedError, TooSlowError, ValueError) as error:
            self.report["failed"].append({"stage": stage, "peer_setting": name, "error": str(error)})
            self.is_whole = False
            print(f"{label}: failed: {str(error).splitlines()[-1]}", flush=True)
            return None
        self.report["results"].append(row)
        print(f"{label}: {_told(row)}", flush=True)
        return None

    def _bound_of(self, stage: str, name: str) -> float:
        return _bound(stage, name, computes_bfloat16=self.facts["path"]["computes_bfloat16"])

    def _say_left_out(self, label: str, stage: str, name: str, reason: str) -> None:
        self.leave_out(stage, name, reason)
        print(f"{label}: left out: {reason}", flush=True)


def _bound(stage: str, name: str, *, computes_bfloat16: bool) -> float:
    """How many times as long as ours a peer's step may take before it is ended.

    Where the processor has no instructions for bfloat16, a peer's default emulates them for minutes: little more than
    the goal is asked of it then.
    """
    wanted = GOALS[stage].settings.get(name)
    return UNGOALED if wanted is None else max(wanted * (ABLE if computes_bfloat16 else BOUND), UNGOALED / 2)


def _threads(environment: Mapping[str, str], cores: int) -> int:
    asked = environment.get("OMP_NUM_THREADS", "")
    return min(int(asked), cores) if asked.isdigit() else cores


def _told(row: Mapping[str, Any]) -> str:
    disturbed = f", {row['others']:.0%} of the machine taken by others" if row["others"] > 0.05 else ""
    if not row.get("ratio"):
        return f"more than {row['at_least']['ratio']:.1f} times as fast; the peer was ended{disturbed}"
    ratio = row["ratio"]
    return (
        f"{ratio['median']:.2f} times as fast [{ratio['low']:.2f}, {ratio['high']:.2f}], "
        f"{row['processor_ratio']['median']:.2f} in processor time, {row['memory_ratio']:.2f} of its memory{disturbed}"
    )
