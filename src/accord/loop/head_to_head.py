"""One run's policy against another's, by one judge."""

from collections.abc import Mapping, Sequence

from accord.artefacts import EvaluationSample, RunReader
from accord.errors import RecipeError
from accord.interfaces import Judge
from accord.loop.rewards import judges_of
from accord.loop.stage import Context, in_run
from accord.policy.evaluate import win_rate
from accord.recipe import Recipe
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from accord.stats import Estimate, mean

__all__ = ["head_to_head"]


def head_to_head(recipe: Recipe, run: RunDirectory, opponent: RunDirectory) -> dict[str, Estimate]:
    """This run's policy against another's on the prompts that both answered, by this run's independent judge.

    Raises `RecipeError` where they share no prompt, `ArtefactError` where one was not evaluated.
    """
    own, others = (_policy_samples(each) for each in (run, opponent))
    shared = {sample.prompt for sample in own} & {sample.prompt for sample in others}
    if not shared:
        raise RecipeError(
            f"{run.path} and {opponent.path} were evaluated on no prompt in common; nothing can be compared"
        )
    prompts = RunReader.of(run).prompts
    judge = judges_of(Context(in_run(recipe, run), run))["eval_reward"]
    own_scores, other_scores = (
        _scores(judge, prompts, [sample for sample in samples if sample.prompt in shared]) for samples in (own, others)
    )
    estimates = {"win_rate": win_rate(own_scores, other_scores)}
    for name, scores in (("judge, this run", own_scores), ("judge, other run", other_scores)):
        estimates[name] = mean([score for _, score in scores], [prompt for prompt, _ in scores])
    return estimates


def _policy_samples(run: RunDirectory) -> list[EvaluationSample]:
    return [sample for sample in RunReader.of(run).evaluation_samples if sample.arm == "policy"]


def _scores(
    judge: Judge, prompts: Mapping[str, Prompt], samples: Sequence[EvaluationSample]
) -> list[tuple[str, float]]:
    """Prompt and score of each sample, each text read once and alone: equal texts are ties."""
    texts = dict.fromkeys((sample.prompt, sample.text) for sample in samples)
    scores = {
        (prompt, text): float(judge.score([prompts[prompt]], [Completion(prompt=prompt, text=text)]).value_N[0])
        for prompt, text in texts
    }
    return [(sample.prompt, scores[sample.prompt, sample.text]) for sample in samples]
