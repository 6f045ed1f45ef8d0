"""Two runs side by side: what differed in settings, data and machine, and whether the results did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from accord.artefacts import RunReader, folder_of
from accord.report.challenges import challenge_rows
from accord.report.disclosure.changes import disclosed_texts
from accord.report.optional import findings_of, recipe_of
from accord.report.provenance import flat, shown
from accord.report.table import Row, rows_of, to_json
from accord.report.words import clean
from accord.run import RunDirectory

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

__all__ = ["Change", "Comparison", "Contrast", "compare", "render_comparison", "settings_of"]


@dataclass(frozen=True)
class Change:
    """Something that is not the same in both runs; None where one of them lacks it."""

    name: str
    a: str | None
    b: str | None


@dataclass(frozen=True)
class Contrast:
    """A number of the result in both runs. `overlap` is None where one of them has no interval.

    Intervals that lie apart differ by more than chance explains. Intervals that overlap do not show that the runs are
    alike.
    """

    a: Row
    b: Row
    overlap: bool | None

    @property
    def words(self) -> str:
        """How the two stand to one another."""
        if self.a.estimate is None or self.b.estimate is None:
            return "cannot be compared" if self.a.estimate or self.b.estimate else ""
        if self.a.estimate == self.b.estimate:
            return "the same"
        return {True: "intervals overlap", False: "intervals apart", None: "no interval"}[self.overlap]


@dataclass(frozen=True)
class Comparison:
    """What differs between the runs `a` and `b`."""

    a: str
    b: str
    settings: tuple[Change, ...]
    data: tuple[Change, ...]
    machine: tuple[Change, ...]
    results: tuple[Contrast, ...]
    verdicts: tuple[Change, ...]
    challenges: tuple[Change, ...] = ()
    disclosure: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        lists = {name: [asdict(change) for change in getattr(self, name)] for name in _CHANGES}
        results = [
            {
                "key": contrast.a.key,
                "name": contrast.a.name,
                "a": to_json([contrast.a])[0]["value"],
                "b": to_json([contrast.b])[0]["value"],
                "overlap": contrast.overlap,
                "words": contrast.words,
            }
            for contrast in self.results
        ]
        return {"a": self.a, "b": self.b, **lists, "results": results}


_CHANGES = {
    "settings": "Settings",
    "data": "Data",
    "machine": "Machine and versions",
    "verdicts": "Verdicts of the audit",
    "challenges": "The audit by challenge",
    "disclosure": "What was disclosed",
}
LONGEST = 240  # characters of a text that are printed; --json has all


def compare(a: RunDirectory, b: RunDirectory) -> Comparison:
    """Two runs side by side. Raises `ArtefactError` where a file of one of them was altered."""
    first, second = RunReader.of(a), RunReader.of(b)
    return Comparison(
        str(a.path),
        str(b.path),
        settings=tuple(_changes(settings_of(first), settings_of(second))),
        data=tuple(_changes(_data(first), _data(second))),
        machine=tuple(_changes(_machine(first), _machine(second))),
        results=tuple(_contrasts(rows_of(first), rows_of(second))),
        verdicts=tuple(_changes(_verdicts(first), _verdicts(second))),
        challenges=tuple(_changes(_challenges(first), _challenges(second))),
        disclosure=tuple(_changes(disclosed_texts(first), disclosed_texts(second))),
    )


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield Change(name, a.get(name), b.get(name))


def settings_of(reader: RunReader) -> dict[str, str]:
    """The seed and every key of the recipe, as they are written."""
    seed = {"seed": str(reader.run.seed)}
    return seed | {key: shown(value) for key, value in flat(recipe_of(reader))}


def _data(reader: RunReader) -> dict[str, str]:
    """Inputs but for their place on the disk, and the digests of the files under `data/`."""
    manifest = reader.run.manifest
    inputs = {
        f"{name}: {key}": shown(value)
        for name, entry in manifest.inputs.items()
        for key, value in entry.to_json().items()
        if key != "path"
    }
    files = {name: entry.sha256 for name, entry in manifest.files.items() if name.startswith(folder_of("data") + "/")}
    return inputs | files


def _machine(reader: RunReader) -> dict[str, str]:
    manifest = reader.run.manifest
    processes = {f"processes of {stage}": _in_turn(counts) for stage, counts in manifest.processes.items()}
    return {name: shown(value) for name, value in {**manifest.machine, **processes, **manifest.versions}.items()}


def _in_turn(counts: Sequence[int]) -> str:
    return ", then ".join(map(str, counts))


def _verdicts(reader: RunReader) -> dict[str, str]:
    return {finding.id: finding.words for finding in findings_of(reader) or ()}


def _challenges(reader: RunReader) -> dict[str, str]:
    """What the primary check of each challenge says, and which others of it fire."""
    rows = challenge_rows(findings_of(reader) or ())
    return {
        " ".join(filter(None, (row.id, row.title))): "; also fires: ".join(
            filter(None, (row.words, ", ".join(row.further)))
        )
        for row in rows
    }


def _contrasts(a: list[Row], b: list[Row]) -> Iterator[Contrast]:
    """The rows that stand in either; a part that one of the runs lacks is said in its place."""
    of_a, of_b = ({row.key: row for row in rows} for rows in (a, b))
    for key in dict.fromkeys([*of_a, *of_b]):
        if key == "audit" or (key in {"reward", "eval_reward", "evaluation"} and not (key in of_a and key in of_b)):
            continue
        known = of_a.get(key) or of_b[key]
        absent = Row(key, known.group, known.name, "not in this run")
        row_a, row_b = of_a.get(key, absent), of_b.get(key, absent)
        yield Contrast(row_a, row_b, _overlap(row_a, row_b))


def _overlap(a: Row, b: Row) -> bool | None:
    ends = [end for row in (a, b) if row.estimate for end in (row.estimate.low, row.estimate.high) if end is not None]
    if len(ends) < 4:
        return None
    low_a, high_a, low_b, high_b = ends
    return low_a <= high_b and low_b <= high_a


def render_comparison(comparison: Comparison) -> "Group":
    """For a terminal: a table for each kind of difference, and the results side by side."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Table | Text] = [Text(f"A  {clean(comparison.a)}\nB  {clean(comparison.b)}")]
    for name, title in _CHANGES.items():
        changes: tuple[Change, ...] = getattr(comparison, name)
        parts.append(_differing(title, changes) if changes else Text(f"\n{title}: no difference."))
    before = 1 + list(_CHANGES).index("verdicts")
    return Group(*parts[:before], _results(comparison.results), *parts[before:])


def _differing(title: str, changes: tuple[Change, ...]) -> "Table":
    from rich.text import Text

    table = _table(title, "", "A", "B")
    for change in changes:
        table.add_row(*(Text(_clipped(text)) for text in (change.name, change.a, change.b)))
    return table


def _clipped(text: str | None) -> str:
    shown = clean("none" if text is None else text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _results(results: tuple[Contrast, ...]) -> "Table":
    from rich.text import Text

    table = _table("Results, with 95 % intervals", "", "A", "B", "")
    for contrast in results:
        cells = [row.text + (f", n={row.n}" if row.n else "") for row in (contrast.a, contrast.b)]
        table.add_row(*(Text(text) for text in (contrast.a.label, *cells, contrast.words)))
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
