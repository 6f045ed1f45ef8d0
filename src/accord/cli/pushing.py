"""`accord push`: a model of a run to a hub, with its card."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from accord.errors import ArtefactError, StorageError, storage
from accord.extras import TRAIN, require

if TYPE_CHECKING:
    from accord.run import RunDirectory

__all__ = ["push"]


def push(
    run: Path,
    repository: str,
    *,
    stage: Literal["policy", "sft"] = "policy",
    public: bool = False,
    statements: Path | None = None,
    message: str | None = None,
) -> None:
    """Upload a model of a run to the hub, with a card made of the run's disclosure in its redacted version.

    Example: accord push runs/demo my-team/reviews

    Parameters
    ----------
    run
        The run. Its files are held against their digests first, and the redacted disclosure is written into it.
    repository
        OWNER/NAME. It is made where it is not there, private unless `public` is given; one that is there stays as
        visible as it is.
    stage
        Which of the run's models.
    public
        Make a new repository one that everybody sees.
    statements
        A TOML file of what people state, for the card, as `accord disclose` takes it.
    message
        Of the commit; without it, which run it is.
    """
    require(TRAIN, "accord push")
    from accord.artefacts import result_of
    from accord.run import RunDirectory

    with RunDirectory.open(result_of(run)) as opened, TemporaryDirectory(prefix="push-") as folder:
        _gather(opened, stage, statements, Path(folder))
        url = _upload(Path(folder), repository, public=public, message=message or f"{opened.manifest.name}: {stage}")
    print(url)


def _gather(run: "RunDirectory", stage: str, statements: Path | None, folder: Path) -> None:
    """What is uploaded: the model's files, the card as README.md, and the disclosure that it is made of."""
    from accord.artefacts import DISCLOSURE, MODEL, RunReader
    from accord.report.disclosure.model_card import model_card
    from accord.report.disclosure.writing import REDACTED, disclose
    from accord.report.optional import recipe_of

    if not MODEL.has(run, stage):
        raise ArtefactError(f"{run.path}: the stage '{stage}' has left no model; run it first, or name another --stage")
    written = disclose(run, statements=statements, redact=True)
    with storage(folder):
        shutil.copytree(MODEL.verified(run, stage), folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        shutil.copyfile(run.path / DISCLOSURE.path(REDACTED), folder / DISCLOSURE.file)
        card = model_card(written.disclosure, recipe_of(RunReader.of(run)))
        (folder / "README.md").write_text(card, encoding="utf-8")


def _upload(folder: Path, repository: str, *, public: bool, message: str) -> str:
    """The address of the repository. Raises `StorageError` where the hub does not take it, with its reason."""
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    hub = HfApi()
    try:
        made = hub.create_repo(repository, private=not public, exist_ok=True)
        hub.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message=message)
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, HTTPError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StorageError(
            f"{repository}: the hub did not take it ({reason:.200}); `hf auth login` says who you are, and HF_TOKEN in "
            "the environment does"
        ) from error
    return str(made)
