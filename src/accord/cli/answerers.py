"""What `accord ask --by` names, as something that answers: a model at an endpoint or of a run, scores, a program."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from accord.cli.serving import open_model
from accord.errors import RecipeError, nearest, storage
from accord.run import MANIFEST, RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accord.collect.sources.answering import Answerer
    from accord.collect.sources.judge_prompt import JudgePrompt
    from accord.collect.sources.model import Prices
    from accord.collect.sources.principles import Principles
    from accord.collect.study import Study
    from accord.lm.remote import EndpointWriter
    from accord.lm.writer import ModelWriter
    from accord.records import Sampling

__all__ = ["Connection", "Manner", "Stage", "answerer_of", "assistant_of", "open_chat", "refuse_unused", "split_source"]

Stage = Literal["policy", "sft", "reward"]
REMARK_TOKENS = 1024
SOURCES = ("model", "run", "program", "contrast")


@dataclass(frozen=True)
class Connection:
    """How a model is reached: its name at an endpoint, or which of a run's it is; seconds, repetitions."""

    model: str | None
    stage: Stage
    timeout: float
    retries: int


@dataclass(frozen=True)
class Manner:
    """How a model is asked."""

    prompt: "JudgePrompt"
    sampling: "Sampling"
    principles: "Principles | None"
    prices: "Prices | None"


def split_source(by: str) -> tuple[str, str]:
    """`kind:rest` of `--by`. Raises `RecipeError` where the kind is not known, or nothing follows."""
    kind, colon, rest = by.partition(":")
    if not colon or kind not in SOURCES:
        known = nearest(kind, list(SOURCES))
        raise RecipeError(
            f"--by {by}: write model:URL, run:RUN, program:FILE.py:NAME or contrast:PLUS.txt,MINUS.txt{known}"
        )
    if not rest:
        raise RecipeError(f"--by {by}: nothing stands behind the colon")
    return kind, rest


def refuse_unused(
    by: str, stage: Stage, beside_model: "Mapping[str, object | None]", of_model: "Mapping[str, object | None]"
) -> None:
    """Raises `RecipeError` for a flag (None: not given) that whoever answers has no use for.

    beside_model  how a model that judges is asked
    of_model      which model at an endpoint it is, and what its tokens cost
    """
    kind, name = split_source(by)
    scores = kind == "program" or (kind == "run" and stage == "reward")
    unused = dict(beside_model) if scores or kind == "contrast" else {}
    unused |= of_model if scores else {}
    unused |= {"model": of_model["model"]} if kind == "run" else {}
    unused |= {"stage": None if stage == "policy" else stage} if kind == "program" else {}
    for flag, value in unused.items():
        if value is not None:
            raise RecipeError(f"--{flag}: {kind}:{name} takes no notice of it; leave it out")


def answerer_of(by: str, study: "Study", connection: Connection, manner: Manner) -> "Answerer":
    """Who answers. Raises `ModelError`, `ArtefactError` or `RecipeError` where there is nobody."""
    from accord.collect.sources.critique_revise import CritiqueReviseAnswerer
    from accord.collect.sources.model import ModelAnswerer

    kind, name = split_source(by)
    if kind == "model" and not name.startswith(("http://", "https://")):
        raise RecipeError(f"--by {by}: an endpoint is named by its URL, http://...; a model here by run:{name}")
    if kind == "program":
        from accord.collect.sources.programs import open_program

        return open_program(name, study.question)
    if kind == "run" and connection.stage == "reward":
        return _reward_model(Path(name), study)
    chat, place = open_chat(name, connection)
    revises = study.question.kind == "correction" and manner.principles is not None
    answers = CritiqueReviseAnswerer if revises else ModelAnswerer
    return answers(chat, place, study, manner.prompt, manner.sampling, manner.principles, manner.prices)


def assistant_of(study: "Study") -> "Answerer | None":
    """Who makes the remarks beside a study's items; None where they are prepared, or there are none.

    Raises `ModelError` where there is nobody at the endpoint.
    """
    from accord.collect.sources.judge_prompt import JudgePrompt
    from accord.collect.sources.model import ModelAnswerer
    from accord.lm.remote import EndpointWriter
    from accord.records import Sampling

    if study.assist is None or not study.assist.is_endpoint:
        return None
    chat = EndpointWriter.find(study.assist.by)
    sampling = Sampling(temperature=0.0, max_tokens=REMARK_TOKENS, seed=0)
    return ModelAnswerer(chat, chat.place, study, JudgePrompt(study.assist.question), sampling)


def open_chat(name: str, connection: Connection) -> "tuple[EndpointWriter | ModelWriter, str]":
    """A model by URL, or of a run, a folder or a name; and where it is, without anything secret."""
    if name.startswith(("http://", "https://")):
        from accord.lm.remote import EndpointWriter

        if connection.stage != "policy":
            raise RecipeError(f"--stage {connection.stage}: an endpoint has no stages; --model names one of its models")
        writer = EndpointWriter.find(name, connection.model, timeout=connection.timeout, retries=connection.retries)
        return writer, writer.place
    if connection.stage == "reward":
        raise RecipeError(f"--stage reward: {name} is asked for texts, which a reward model does not write")
    from accord.lm.settings import ModelSettings
    from accord.lm.writer import ModelWriter

    causal = open_model(name, connection.stage, ModelSettings(dtype="float32"))
    return ModelWriter(causal), _place(Path(name), connection.stage)


def _reward_model(path: Path, study: "Study") -> "Answerer":
    from accord.artefacts import MODEL, result_of
    from accord.collect.sources.scores import ScoreAnswerer
    from accord.lm.reward_model_files import load_reward_model

    with RunDirectory.open(result_of(path), write=False) as run:
        judge = load_reward_model(MODEL.verified(run, "reward"), name="reward", dtype="float32")
    return ScoreAnswerer(judge, _place(path, "reward"), study.question)


def _place(path: Path, stage: Stage) -> str:
    """A run's id, stage and the digest of the model's files; of what is no run its name."""
    from accord.artefacts import result_of

    with storage(path):
        if not (path / MANIFEST).is_file():
            return str(path)
    with RunDirectory.open(result_of(path), write=False) as run:
        files = sorted(f"{name} {file.sha256}" for name, file in run.files_of(stage).items())
        digest = hashlib.sha256("\n".join(files).encode()).hexdigest()
        return f"run {run.manifest.id} {stage} {digest[:20]}"
