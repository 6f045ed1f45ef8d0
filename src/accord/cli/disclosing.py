"""`accord disclose`: what is made public about a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from accord.cli.printing import print_json
from accord.cli.runs import Trust
from accord.errors import RecipeError
from accord.extras import TRAIN, require

if TYPE_CHECKING:
    from accord.run import RunDirectory

__all__ = ["disclose"]


def disclose(
    run: Path,
    *,
    statements: Path | None = None,
    redact: bool = False,
    template: bool = False,
    model_card: Path | None = None,
    json: bool = False,
    trust_run: Trust = False,
) -> None:
    """Write what is to be made public about a run: what its records say, and what people state and sign.

    Example: accord disclose runs/demo --statements disclosure.toml --redact

    Parameters
    ----------
    run
        The run.
    statements
        A TOML file of what people state, see --template; kept in the run as disclosure.toml, which is read where none
        is given. With --trust-run that of the recipe's [disclosure] is read.
    redact
        Write the version that may leave the house into the run's folder `redacted`, and not the whole one.
    template
        Print a disclosure.toml to fill in, with what the records say already beside each question; write nothing.
    model_card
        Write the same as the README.md of a model, with the front matter that hubs read.
    json
        Print the disclosure as JSON.
    """
    if model_card is not None:
        require(TRAIN, "--model-card")
    from accord.artefacts import result_of
    from accord.report.disclosure.model_card import model_card as card_of
    from accord.report.disclosure.summary import headline, status_words
    from accord.report.disclosure.writing import disclose as write
    from accord.run import RunDirectory

    if template:
        if redact or model_card is not None or statements is not None or json:
            raise RecipeError("--template prints a file to fill in and writes nothing; leave the other options out")
        _print_template(run)
        return
    with RunDirectory.open(result_of(run)) as opened:
        written = write(opened, statements=statements or _named(opened, trusted=trust_run), redact=redact)
        card = None if model_card is None else card_of(written.disclosure, _recipe(opened))
    if model_card is not None and card is not None:
        _write(model_card, card)
    if json:
        print_json(written.disclosure.model_dump(mode="json", exclude_none=True))
        return
    for item in written.disclosure.items:
        print(f"{status_words(item.status):<15} {item.number:>2}. {item.title}")
    print(headline(written.disclosure))
    for file in (*written.files, *([model_card] if model_card is not None else [])):
        print(file)


def _print_template(run: Path) -> None:
    from accord.artefacts import RunReader, result_of
    from accord.report.disclosure.template import template
    from accord.run import RunDirectory

    with RunDirectory.open(result_of(run), write=False) as opened:
        print(template(RunReader.of(opened)), end="")


def _recipe(run: "RunDirectory") -> dict[str, object]:
    from accord.artefacts import RunReader
    from accord.report.optional import recipe_of

    return recipe_of(RunReader.of(run))


def _named(run: "RunDirectory", *, trusted: bool) -> Path | None:
    """The file that the run's recipe names, if whoever opens the run says that it may have its own way.

    A run from elsewhere could name statements that somebody signed of another run.
    """
    from accord.artefacts import STATEMENTS

    section = _recipe(run).get("disclosure")
    path = section.get("statements") if isinstance(section, dict) else None
    if not isinstance(path, str):
        return None
    if trusted:
        return Path(path)
    if (run.path / STATEMENTS.path()).exists():
        return None
    raise RecipeError(
        f"recipe.disclosure.statements: {path!r} lies outside of the run; read it, and say --trust-run or --statements "
        "FILE"
    )


def _write(path: Path, text: str) -> None:
    from accord.feedback.store.atomic_write import atomic_file

    with atomic_file(path) as file:
        file.write_text(text, encoding="utf-8")
