"""What differs between a run that was never stopped and one that was killed and gone on with.

Everything is compared bit for bit but what must differ. That is stated here, as narrowly as can be:

* seconds of steps, of stages and of the page; goes; the most memory of a stage; ids of runs and when they were made;
  where they lie
* of an answer that a round asked for, `time` and `seconds`, in the ledger and in `data/feedback-*.jsonl`
* the id of such an answer, which is a digest of it: the ids of one run are put in place of the other's, one for one,
  by the rows of the ledgers, wherever they stand
* in a round whose answers have other ids, a digest that rests on them: of the ledger (`inputs`), of what a stage builds
  on (`basis`), of the round (`rounds.json`, `parents`). `tools.kill_sound` works each of them out again, in both runs
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import Any

from accord.feedback import Ledger
from accord.recipe import read_toml
from accord.records import Feedback, Record

__all__ = ["MAY_DIFFER", "OF_AN_ANSWER", "differences", "ledger_of"]

MAY_DIFFER = {"*metrics.jsonl": ("seconds",), "report.html": None, "*/report.html": None}
"""By file, the fields that are not compared; None: the page, which tells times, goes and the run's name."""
OF_AN_ANSWER = ("time", "seconds")
"""Fields of an answer that a round asked for which are not compared."""
OF_A_MANIFEST = ("name", "id", "created", "files")
"""What is told of a run besides: which run it is; the files are compared by their content."""
OF_A_STAGE = ("seconds", "goes", "memory", "gpu_memory")
ANSWERS = "data/feedback-*.jsonl"
ROUNDS = "rounds.json"
ID = re.compile(rb"f-[0-9a-f]{20}")
DIGEST = "(a digest)"


def differences(one: Path, other: Path) -> Iterator[str]:
    """Everything in which two finished runs differ, with those within them, but for what may."""
    renamed = _Renamed()
    yield from _ledgers(one, other, renamed)
    folders = {file.parent.relative_to(path) for path in (one, other) for file in path.glob("rounds/*/manifest.json")}
    renamed.rounds = frozenset(int(folder.name) for folder in folders if _has_renamed(one / folder, other / folder))
    for folder in sorted(folders):
        if missing := [path for path in (one, other) if not (path / folder / "manifest.json").is_file()]:
            yield f"{folder}: not in {missing[0].name}"
        else:
            yield from (f"{folder}: {difference}" for difference in _of_one(one / folder, other / folder, renamed))
    yield from _of_one(one, other, renamed)


# -- ledgers -----------------------------------------------------------------------------------------------------------


@dataclass
class _Renamed:
    """The ids of one run's answers by those of the other, and the rounds whose data hold some that differ."""

    ids: dict[bytes, bytes] = field(default_factory=dict)
    rounds: frozenset[int] = frozenset()

    def add(self, one: str, other: str) -> None:
        self.ids[other.encode()] = one.encode()

    def put(self, content: bytes) -> bytes:
        """What the other run wrote, with the ids of the one."""
        return ID.sub(lambda found: self.ids.get(found[0], found[0]), content) if self.ids else content


def ledger_of(run: Path) -> Path | None:
    """The file of a run's ledger; None where there is none, as in a run that was made without a recipe."""
    file = run / "recipe.toml"
    if not file.is_file():
        return None
    place = read_toml(file.read_text(), str(file)).get("data", {}).get("ledger")
    return Path(place) if isinstance(place, str) and Path(place).is_file() else None


def _ledgers(one: Path, other: Path, renamed: _Renamed) -> Iterator[str]:
    """What differs between the ledgers, row by row; the ids of answers that are the same are noted."""
    files = [ledger_of(path) for path in (one, other)]
    if None in files:
        yield from [] if files == [None, None] else [f"ledger: {'missing' if files[1] is None else 'only here'}"]
        return
    left, right = (_records(Path(str(file))) for file in files)
    for table in left:
        for number, pair in enumerate(zip_longest(left[table], right[table]), 1):
            if None in pair:
                yield f"ledger {table}: {len(left[table])} and {len(right[table])} rows"
                break
            before, now = pair
            if difference := _first(_told(before), _told(now, renamed)):
                yield f"ledger {table} row {number}: {difference}"
            elif before.id != now.id:
                renamed.add(before.id, now.id)


def _records(file: Path) -> dict[str, list[Record]]:
    with Ledger(file, write=False) as ledger:
        return {
            "prompts": list(ledger.prompts().values()),
            "evaluators": list(ledger.evaluators().values()),
            "completions": list(ledger.completions().values()),
            "feedback": list(ledger.feedback()),
        }


def _told(record: Record, renamed: _Renamed | None = None) -> dict[str, Any]:
    """The fields of a record that are compared, with the one run's ids."""
    content = record.canonical().encode()
    fields: dict[str, Any] = json.loads(renamed.put(content) if renamed else content)
    if isinstance(record, Feedback) and record.round is not None:
        fields = _without(fields, OF_AN_ANSWER)
    return fields


# -- files -------------------------------------------------------------------------------------------------------------


def _has_renamed(one: Path, other: Path) -> bool:
    """Whether the answers that a round learns from stand under other ids in the other run."""
    pairs = [(file, other / file.relative_to(one)) for file in one.glob(ANSWERS)]
    return any(each.is_file() and file.read_bytes() != each.read_bytes() for file, each in pairs)


def _of_one(one: Path, other: Path, renamed: _Renamed) -> Iterator[str]:
    manifests = [json.loads((path / "manifest.json").read_bytes()) for path in (one, other)]
    number = int(one.name) if one.parent.name == "rounds" else 0
    before, now = (_of_manifest(manifest, number, renamed) for manifest in manifests)
    for key in before:
        if difference := _first(before[key], now.get(key)):
            yield f"manifest.json {key}: {difference}"
    files = [set(manifest["files"]) for manifest in manifests]
    yield from (f"{name}: missing" for name in sorted(files[0] - files[1]))
    yield from (f"{name}: only here" for name in sorted(files[1] - files[0]))
    for name in sorted(files[0] & files[1]):
        yield from _of_file(name, one / name, other / name, renamed)


def _of_manifest(manifest: Mapping[str, Any], number: int, renamed: _Renamed) -> dict[str, Any]:
    """What is compared of the manifest of a round, whose digests stand as such where they rest on renamed answers."""
    told = _without(manifest, OF_A_MANIFEST)
    told["stages"] = {name: _without(stage, OF_A_STAGE) for name, stage in told["stages"].items()}
    if number - 1 in renamed.rounds:
        told["parents"] = [DIGEST for _ in told["parents"]]
    if number in renamed.rounds:
        told["stages"] = {name: stage | {"basis": DIGEST} for name, stage in told["stages"].items()}
        ledger = told["inputs"].get("ledger", {})
        told["inputs"] = told["inputs"] | {"ledger": ledger | {"digest": DIGEST}}
    return told


def _of_file(name: str, one: Path, other: Path, renamed: _Renamed) -> Iterator[str]:
    left, right = (_without_place(file, name) for file in (one, other))
    right = renamed.put(right)
    fields: Sequence[str] | None = ()
    for pattern, stated in MAY_DIFFER.items():
        if fnmatchcase(name, pattern):
            fields = stated
    if fields is None or left == right:
        return
    try:
        difference = _of_content(name, left, right, fields, renamed)
    except (ValueError, KeyError, TypeError, AttributeError):
        difference = "other bytes, which are not what stands in such a file"
    if difference:
        yield f"{name}: {difference}"


def _of_content(name: str, left: bytes, right: bytes, fields: Sequence[str], renamed: _Renamed) -> str:
    """What differs between two contents of a file; empty where that may. Raises ValueError for what is no JSON."""
    if name == ROUNDS:
        return _first(_of_rounds(left, renamed), _of_rounds(right, renamed))
    if not fields and not fnmatchcase(name, ANSWERS):
        return "other bytes"
    rows = [[_row(line, fields) for line in content.splitlines()] for content in (left, right)]
    if rows[0] == rows[1]:
        return ""
    numbers = [number for number, pair in enumerate(zip(*rows, strict=False), 1) if pair[0] != pair[1]]
    return f"{len(rows[0])} and {len(rows[1])} lines, of which {len(numbers)} differ: {numbers[:5]}"


def _without_place(file: Path, name: str) -> bytes:
    """The bytes of a file of a run; of a recipe without the folder that its paths lie in, which each run has anew."""
    content = file.read_bytes()
    if Path(name).name != "recipe.toml":
        return content
    run = file.parents[len(Path(name).parts) - 1]
    for within in (run, *run.parents):
        if (within / "recipe/recipe.toml").is_file():
            return content.replace(os.fsencode(within), b"")
    return content


def _row(line: bytes, fields: Sequence[str]) -> str:
    """A line without the values that may differ, and otherwise as it stands, keys in their order."""
    row = json.loads(line)
    asked_for = OF_AN_ANSWER if not fields and row.get("round") is not None else ()
    return json.dumps({key: None if key in (*fields, *asked_for) else value for key, value in row.items()})


def _of_rounds(content: bytes, renamed: _Renamed) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(content)
    for row in summary["rounds"]:
        row["digest"] = DIGEST if row["number"] in renamed.rounds else row["digest"]
    return summary


def _without(content: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in fields}


def _first(before: Any, now: Any, place: str = "") -> str:
    """The first place in which two values differ, with what stands there; empty where they are the same."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in (*before, *(key for key in now if key not in before)):
            if key not in before or key not in now:
                return f"{place}{key} {'is missing' if key in before else 'is only here'}"
            if found := _first(before[key], now[key], f"{place}{key}."):
                return found
        return ""
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return next((found for index, pair in pairs if (found := _first(*pair, f"{place}{index}."))), "")
    same = type(before) is type(now) and json.dumps(before) == json.dumps(now)
    return "" if same else f"{place.rstrip('.')} was {before!r}, is {now!r}".strip()
