"""How far the answers of a ledger can be trusted: `quality`."""

from pathlib import Path

from accord.cli.printing import print_json, table_console

__all__ = ["quality"]


def quality(
    ledger: str,
    *,
    study: str | None = None,
    target: Path | None = None,
    run: Path | None = None,
    html: Path | None = None,
    json: bool = False,
) -> None:
    """Tell how far the answers of a ledger can be trusted, and what each number rests on; what is unknown says why.

    Example: accord quality ratings.db --html quality.html

    Parameters
    ----------
    ledger
        The ledger, a file or postgresql://user@host/database.
    study
        Only the answers to this study.
    target
        A TOML file with the population that the answers are to stand for: a table for each attribute, a share for each
        of its groups. The quotas of a study can be written so.
    run
        A run whose reward model says how close the texts are, and so how far people can agree at all.
    html
        Write a page that stands alone.
    json
        Print everything that was measured as JSON.
    """
    from accord.artefacts import RunReader, result_of
    from accord.feedback import Ledger
    from accord.feedback.quality.composition import read_target
    from accord.feedback.quality.measure import measure_quality
    from accord.feedback.store.atomic_write import atomic_file
    from accord.report.quality.noise_floor import noise_floor
    from accord.report.quality.page import render_page
    from accord.report.quality.text import print_quality
    from accord.report.quality.values import as_json
    from accord.run import RunDirectory

    population = None if target is None else read_target(target)
    floor = None
    if run is not None:
        with RunDirectory.open(result_of(run), write=False) as opened:
            floor = noise_floor(RunReader.of(opened))
    with Ledger(ledger, write=False) as opened_ledger:
        measured = measure_quality(opened_ledger, study=study, target=population)
        name = Path(str(opened_ledger.location)).name
    if html is not None:
        with atomic_file(html) as file:
            file.write_text(render_page(measured, name, floor), encoding="utf-8")
    if json:
        print_json({"ledger": ledger, **as_json(measured), "noise_floor": as_json(floor)})
    else:
        print_quality(measured, table_console(), floor)
        if html is not None:
            print(f"page: {html}")
