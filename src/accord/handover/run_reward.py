"""The rewards of a finished run, opened to score texts of others: with name, version and card."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accord.artefacts import CARD, RECIPE, REFERENCES, RewardCard, RunReader, result_of
from accord.errors import ArtefactError
from accord.handover.stated_kinds import stated_rewards
from accord.interfaces import Judge, Scores
from accord.loop.named_code import refuse_code
from accord.recipe.toml_text import read_toml
from accord.records import Completion, Message, Prompt
from accord.run import RunDirectory, digest_of_settings

__all__ = ["RunReward", "open_rewards"]

NAMES = ("reward", "eval_reward")
"""What the policy is to be trained on, and the independent judge, which it is not."""


@dataclass(frozen=True)
class RunReward:
    """A reward of a run that scores any texts; several threads may ask it, one at a time is answered.

    name      `reward`, what the run's policy learns from, or `eval_reward`, its independent judge
    version   a digest over the files of the stages that it is made of: the same where the same numbers come out
    origin    the run's name and id, in words
    card      how good it is on what was held out; None where nothing was
    known     prompts of the run by their messages, for rewards that look a prompt up by its id
    """

    name: str
    version: str
    origin: str
    judge: Judge
    card: RewardCard | None = None
    known: dict[tuple[Message, ...], Prompt] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def score(self, prompts: Sequence[Prompt], texts: Sequence[str]) -> Scores:
        """What the judge makes of each text in answer to its prompt. Raises what the judge raises."""
        asked = [self.known.get(prompt.messages, prompt) for prompt in prompts]
        answers = [Completion(prompt=prompt.id, text=text) for prompt, text in zip(asked, texts, strict=True)]
        with self._lock:
            return self.judge.score(asked, answers)

    @property
    def accuracy(self) -> str | None:
        """How often it puts held-out pairs in the order that people did, with its interval; None where unknown."""
        return None if self.card is None or self.card.accuracy is None else str(self.card.accuracy)


def open_rewards(path: Path | str, *, trusted: bool = False, judge: bool = True) -> dict[str, RunReward]:
    """The rewards of a run by name: `reward`, and `eval_reward` where it has an independent judge and `judge` is set.

    Rewards that are stated alone (rules, references, functions) are opened without the extra `train`. Raises
    `ArtefactError` where the run has no trained reward, or its recipe names code and it is not `trusted`.
    """
    with RunDirectory.open(result_of(Path(path)), write=False) as run:
        refuse_code(run, trusted=trusted)
        found = stated_rewards(run, judge=judge)
        judges = _any_rewards(run) if found is None else found
        if "reward" not in judges:
            raise ArtefactError(
                f"{run.path}: it has no reward that can be asked (none was trained, or people are asked); go on with "
                "the run, or name another one"
            )
        names = [name for name in NAMES if name in judges and (judge or name == "reward")]
        known = _known_prompts(run)
        return {name: _opened(run, name, judges[name], known) for name in names}


def _any_rewards(run: RunDirectory) -> dict[str, Judge]:
    """All of them, whatever they are; this takes the extra `train`."""
    from accord.extras import TRAIN, require

    require(TRAIN, f"{run.path}: opening a reward that was learnt")
    from accord.loop.drive import recipe_of
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run

    return judges_of(Context(in_run(recipe_of(run, trusted=True), run), run))


def _opened(run: RunDirectory, name: str, judge: Judge, known: dict[tuple[Message, ...], Prompt]) -> RunReward:
    card = CARD.read(run, name) if CARD.has(run, name) else None
    origin = f"{run.manifest.name or run.path.resolve().name} ({run.manifest.id})"
    return RunReward(name, _version(run, name), origin, judge, card, known)


def _version(run: RunDirectory, name: str) -> str:
    """A digest over what a reward is made of: its settings, the files of its stages, and those that they noted."""
    recipe = read_toml(RECIPE.read(run), RECIPE.path())
    evaluate = recipe.get("evaluate") or {}
    sections = {key: recipe.get(key) for key in ("reward", "rewards", "combine")}
    stages = _stages_of(run, name)
    files = sorted(f"{path} {entry.sha256}" for stage in stages for path, entry in run.files_of(stage).items())
    noted = {key: entry.digest for key, entry in run.manifest.inputs.items() if key.partition(":")[0] in stages}
    settings = sections if name == "reward" else evaluate.get("judge")
    return digest_of_settings([settings, files, sorted(noted.items())])[:20]


def _stages_of(run: RunDirectory, name: str) -> list[str]:
    """The stages whose files a reward is made of."""
    if name != "reward":
        return [name]
    found = {path.rpartition("/")[0] for path in run.manifest.files if path.startswith("rewards/")}
    named = sorted({"/".join(place.split("/")[:2]) for place in found})
    return ["reward", "policy-reward", *named, "combine"]


def _known_prompts(run: RunDirectory) -> dict[tuple[Message, ...], Prompt]:
    """The prompts of the run, where it keeps references by them; no other reward looks at more than messages."""
    if not any(path.endswith(REFERENCES.file) for path in run.manifest.files):
        return {}
    return {prompt.messages: prompt for prompt in RunReader.of(run).prompts.values()}
