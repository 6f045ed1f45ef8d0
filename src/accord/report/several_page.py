"""Several runs side by side as one page that stands alone, and as tables of a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from accord.report.environment import environment
from accord.report.glossary import Term, explained
from accord.report.several import Line, SeveralRuns
from accord.report.words import clean, count

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

__all__ = ["render_several", "render_several_tables"]


def render_several(runs: SeveralRuns) -> str:
    """The page as text: no script, nothing from outside, no link out of it."""
    templates = environment(lambda name, words="": Markup("<bdi>{}</bdi>").format(clean(words or name)))

    def entries(terms: Sequence[Term]) -> str:
        return templates.get_template("glossary.html.j2").render(terms=terms)

    page = templates.get_template("several.html.j2").render(runs=runs, letters=list(runs.names), said=_said(runs))
    return explained(page, entries)


def _said(runs: SeveralRuns) -> list[str]:
    """What there is to see, in sentences."""
    apart = [line for line in runs.results if line.note == "intervals apart"]
    sentences = [f"They differ in {count(len(runs.settings), 'setting')}." if runs.settings else "No setting differs."]
    if apart:
        names = "; ".join(dict.fromkeys(f"{line.group}: {line.name}" for line in apart[:4]))
        more = f" and {len(apart) - 4} more" if len(apart) > 4 else ""
        sentences.append(
            f"In {count(len(apart), 'result')} some of them differ by more than chance explains ({names}{more})."
        )
    else:
        sentences.append(
            "In no result do they differ by more than chance explains, which does not show that they are alike."
        )
    changed = sum(len(set(line.cells)) > 1 for line in runs.challenges)
    if runs.challenges:
        sentences.append(f"The audit does not say the same of all of them on {count(changed, 'challenge')}.")
    return sentences


def render_several_tables(runs: SeveralRuns) -> "Group":
    """For a terminal: what differs in settings, the results, and the audit, a column a run."""
    from rich.console import Group
    from rich.text import Text

    names = Text("\n".join(f"{letter}  {clean(name)}" for letter, name in runs.names.items()))
    tables = [
        _table("Settings that differ", runs.settings, runs),
        _table("Results, with 95 % intervals", runs.results, runs, notes=True),
        _table("The audit by challenge", runs.challenges, runs),
    ]
    return Group(names, *tables)


def _table(title: str, lines: Sequence[Line], runs: SeveralRuns, *, notes: bool = False) -> "Table | Text":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not lines:
        return Text(f"\n{title}: none.")
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", *runs.names, *([""] if notes else [])):
        table.add_column(column, overflow="fold")
    for line in lines:
        name = f"{line.group}: {line.name}" if line.group else line.name
        cells = (name, *("none" if cell is None else cell for cell in line.cells), *([line.note] if notes else []))
        table.add_row(*(Text(clean(cell)) for cell in cells))
    return table
