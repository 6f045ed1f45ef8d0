"""Both arms of a run, the start and the policy, as the evaluation opens them: for what the audit asks of both."""

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

from accord.artefacts import MODEL
from accord.errors import storage
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.loop.policy import compared_with
from accord.loop.stage import Context
from accord.run.files import digest_of
from accord.train.seeds import seed_of

__all__ = ["all_there", "digests_of_arms", "digests_of_files", "has_arms", "open_arm", "places_of"]


def has_arms(context: Context) -> bool:
    """Whether the run has a policy whose weights are there."""
    return context.recipe.policy is not None and context.run.has(MODEL.path(context.beside("policy")))


def open_arm(context: Context, arm: str) -> CausalModel:
    """The model of an arm, without dropout."""
    settings = context.recipe.policy
    assert settings is not None
    if arm == "start":
        causal = settings.open(compared_with(context), seed=seed_of(context.run.seed, "policy"))
    else:
        causal = load(
            MODEL.verified(context.run, context.beside("policy")),
            dtype=settings.dtype,
            device=settings.resolved_device,
            trust_remote_code=settings.trust_remote_code,
        )
    causal.model.eval()
    return causal


def digests_of_arms(context: Context) -> list[object]:
    """What tells both models apart from others: their files in the manifest, and the base that the policy names."""
    models = {
        file: entry.sha256
        for name in ("sft", "policy")
        for file, entry in context.run.files_of(context.beside(name)).items()
        if f"/{MODEL.file}/" in f"/{file}"
    }
    policy = context.recipe.policy
    named = () if policy is None else (policy.base, *((policy.reference_model,) if policy.reference_model else ()))
    return [models, *map(str, named or (None,))]


def digests_of_files(paths: Sequence[str]) -> list[str]:
    """The digest of each file. Raises `StorageError` where one cannot be read."""
    digests = []
    for path in paths:
        with storage(path):
            digests.append(digest_of(Path(path)))
    return digests


def all_there(paths: Sequence[str]) -> bool:
    """Whether all files and folders are there. Raises `StorageError` where the system cannot look."""
    for path in paths:
        with storage(path):
            if not Path(path).exists():
                return False
    return True


def places_of(context: Context, paths: Sequence[str]) -> str:
    """Where the files are, from the run's folder, as the manifest notes it."""
    return ", ".join(relpath(Path(path).resolve(), context.run.path.resolve()) for path in paths)
