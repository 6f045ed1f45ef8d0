"""Challenging prompts, put to start and policy: once, and again where the prompts, the asking or the models changed."""

from accord.artefacts import STEERING_ANSWERS, SteeringAnswer
from accord.audit.conduct.steering_thresholds import SteeringThresholds
from accord.audit.remeasure.steering import steering_answers
from accord.errors import AuditError
from accord.feedback.formats.prompt_files import read_prompts
from accord.lm.memory import release_memory
from accord.loop.arms import all_there, digests_of_arms, digests_of_files, has_arms, open_arm, places_of
from accord.loop.stage import Context
from accord.records import Prompt
from accord.run import InputEntry, digest_of_settings
from accord.train.seeds import seed_of

__all__ = ["ask_challenging"]

HOW = ("answers", "temperature", "max_tokens")
"""Settings that change what is answered."""


def ask_challenging(context: Context) -> None:
    """Write `steering_answers.jsonl` by the prompts that `[audit.steering]` names; nothing where it names none.

    Where the same was asked of the same models before, what is there stays; so it does where the files are not there
    any more, as when a run was moved. Raises `AuditError` where a prompt is named as challenging and as plain.
    """
    settings = context.recipe.audit.of(SteeringThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = STEERING_ANSWERS.path(stage), f"{stage}: challenging prompts"
    files = (*settings.challenging, *settings.plain)
    if not files or not has_arms(context):
        return
    if run.has(path) and not all_there(files):
        return
    prompts = _prompts(settings)
    how = [len(settings.challenging), *(getattr(settings, key) for key in HOW), run.seed]
    digest = digest_of_settings([digests_of_files(files), how, *digests_of_arms(context)])
    entry = InputEntry(digest, places_of(context, files))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    rows = [row for arm in ("start", "policy") for row in _asked(context, arm, prompts, settings)]
    STEERING_ANSWERS.write(run, rows, stage=stage)
    run.record_input(name, entry)


def _prompts(settings: SteeringThresholds) -> dict[bool, list[Prompt]]:
    """The challenging prompts (true) and the others, each once."""
    prompts = {
        sort: list({prompt.id: prompt for path in paths for prompt in read_prompts(path)}.values())
        for sort, paths in ((True, settings.challenging), (False, settings.plain))
    }
    plain = {prompt.id for prompt in prompts[False]}
    if both := next((prompt for prompt in prompts[True] if prompt.id in plain), None):
        raise AuditError(f"[audit.steering]: {both.text[:80]!r} is named as challenging and as plain; leave one out")
    return prompts


def _asked(
    context: Context, arm: str, prompts: dict[bool, list[Prompt]], settings: SteeringThresholds
) -> list[SteeringAnswer]:
    causal = open_arm(context, arm)
    with context.progress.busy(f"  audit: putting {sum(map(len, prompts.values()))} prompts to the {arm}"):
        answers = list(steering_answers(causal, arm, prompts, settings, seed=seed_of(context.run.seed, "steering")))
    del causal
    release_memory()
    return answers
