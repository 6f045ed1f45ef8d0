"""`accord push`: a model of a run to a hub, with its card."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from accord.cli.runs import Trust
from accord.errors import ArtefactError, ModelError, RecipeError, StorageError, nearest, storage
from accord.extras import TRAIN, require

if TYPE_CHECKING:
    from accord.artefacts import Disclosure
    from accord.run import RunDirectory

__all__ = ["push"]

WRITERS = ("policy", "sft")
"""Stages whose models write; the others' score."""


def push(
    run: Path,
    repository: str,
    *,
    stage: str = "policy",
    public: bool = False,
    statements: Path | None = None,
    message: str | None = None,
    trust_run: Trust = False,
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
        Which of the run's models: `policy`, `sft`, or a reward model, `reward`, `rewards/NAME`, `eval_reward` or
        `judges/NAME`. A reward model is uploaded as a sequence classifier with one label.
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
        if stage in WRITERS:
            _gather(opened, stage, statements, Path(folder))
        else:
            _gather_reward(opened, stage, statements, Path(folder), repository, trusted=trust_run)
        url = _upload(Path(folder), repository, public=public, message=message or f"{opened.manifest.name}: {stage}")
    print(url)


def _gather(run: "RunDirectory", stage: str, statements: Path | None, folder: Path) -> None:
    """What is uploaded: the model's files, the card as README.md, and the disclosure that it is made of."""
    from accord.artefacts import MODEL, RunReader
    from accord.report.disclosure.model_card import model_card
    from accord.report.optional import recipe_of

    _check_model(run, stage)
    disclosure = _disclosed(run, statements, folder)
    with storage(folder):
        shutil.copytree(MODEL.verified(run, stage), folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        card = model_card(disclosure, recipe_of(RunReader.of(run)))
        (folder / "README.md").write_text(card, encoding="utf-8")


def _gather_reward(
    run: "RunDirectory", stage: str, statements: Path | None, folder: Path, repository: str, *, trusted: bool
) -> None:
    """The same of a reward model, which becomes a sequence classifier. Raises `ModelError` where it cannot be one."""
    from accord.artefacts import CARD, RunReader
    from accord.lm.reward_model import ScalarHeadModel
    from accord.lm.scalar_classifier import as_classifier
    from accord.loop.drive import recipe_of
    from accord.report.disclosure.reward_card import reward_model_card
    from accord.report.optional import card_of

    recipe = recipe_of(run, trusted=trusted)
    sections = {section.replace(".", "/"): settings for section, settings in recipe.reward_sections.items()}
    named = {"evaluate/judge": "eval_reward"}
    rewards = {named.get(name, name.removeprefix("evaluate/")): settings for name, settings in sections.items()}
    if stage not in rewards:
        raise RecipeError(f"{run.path}: no model '{stage}'{nearest(stage, [*WRITERS, *rewards])}")
    _check_model(run, stage, f"a reward of kind '{rewards[stage].kind}' learns no model of its own; ")
    settings = rewards[stage].model_copy(update={"dtype": "float32", "device": "cpu"})
    judge = settings.load(run, stage=stage)
    if not isinstance(judge, ScalarHeadModel):
        raise ModelError(
            f"{run.path}: a reward of kind '{settings.kind}' is no single number of a whole text, and a sequence "
            f"classifier is; its files are in {stage}/model"
        )
    classifier = as_classifier(judge)
    disclosure = _disclosed(run, statements, folder)
    reader = RunReader.of(run)
    with storage(folder):
        classifier.model.save_pretrained(folder)
        classifier.tokenizer.save_pretrained(folder)
        card = reward_model_card(
            disclosure,
            recipe.model_dump(mode="json"),
            settings.model_dump(mode="json"),
            card_of(reader, stage) if reader.has(CARD, stage) else None,
            repository=repository,
            end=classifier.end,
            offset=classifier.offset,
            batches=classifier.batches,
        )
        (folder / "README.md").write_text(card, encoding="utf-8")


def _check_model(run: "RunDirectory", stage: str, reason: str = "") -> None:
    from accord.artefacts import MODEL

    if not MODEL.has(run, stage):
        raise ArtefactError(
            f"{run.path}: the stage '{stage}' has left no model; {reason}run it first, or name another --stage"
        )


def _disclosed(run: "RunDirectory", statements: Path | None, folder: Path) -> "Disclosure":
    """The redacted disclosure, which is written into the run and into the folder."""
    from accord.artefacts import DISCLOSURE
    from accord.report.disclosure.writing import REDACTED, disclose

    written = disclose(run, statements=statements, redact=True)
    with storage(folder):
        shutil.copyfile(run.path / DISCLOSURE.path(REDACTED), folder / DISCLOSURE.file)
    return written.disclosure


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
