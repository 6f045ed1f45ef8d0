"""Talking to a policy: `serve`."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from accord.cli.recording import recording_policy, recording_to, serving_session
from accord.errors import ArtefactError, RecipeError, storage
from accord.extras import TRAIN, require
from accord.run import MANIFEST

if TYPE_CHECKING:
    from accord.collect import Study
    from accord.lm.causal import CausalModel
    from accord.lm.settings import ModelSettings
    from accord.serve.collecting import Collector

__all__ = ["bearer_token", "listening", "open_model", "serve"]


def serve(
    run: str,
    *,
    stage: Literal["policy", "sft"] = "policy",
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    no_token: bool = False,
    slots: int = 32,
    dtype: Literal["bfloat16", "float32"] = "bfloat16",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    collect: Path | None = None,
    ledger: str | None = None,
    record: str | None = None,
    record_policy: Path | None = None,
    record_share: float | None = None,
    take_weights: bool = False,
    weights_folder: Path | None = None,
) -> int:
    """The policy of a run behind an OpenAI-compatible endpoint, to talk to, to probe, or to judge with. Ctrl-C ends it.

    Example: accord serve runs/demo --port 8000

    Parameters
    ----------
    run
        The run; or a model by name (smollm2-135m), folder or hub id.
    stage
        Which of the run's models.
    host
        Where to listen. Beyond this machine only with a token, and behind a proxy that speaks TLS.
    port
        The port; 0 takes a free one.
    token
        What clients must show as bearer token. Without it: the environment's ACCORD_TOKEN, else a fresh one.
    no_token
        Ask for none; on this machine only.
    slots
        Texts written at once.
    dtype
        The type of the weights.
    device
        Where the model is.
    collect
        A study with a section [chat]: what its users say of answers (POST /v1/feedback) is kept in the ledger.
    ledger
        Where that is kept: a file, or postgresql://user@host/database.
    record
        A ledger (a file, or postgresql://user@host/database) beside which some of the requests and answers are
        recorded, for `accord audit RUN --since LEDGER`. What, of whom and for how long is printed, and told by GET
        /v1/recording; a request with `"store": false` is not recorded.
    record_policy
        A TOML file that says what is recorded: share, seed, keep, consent, notice, days, most, requesters, redact.
    record_share
        The share of the requests that is recorded, in place of the policy's (0.1 without one).
    take_weights
        Take weights in the place of the model's from whoever shows the token (PUT /v1/weights): for a policy that is
        trained elsewhere and samples here.
    weights_folder
        With --take-weights: take them from files below this folder too, which both sides see.
    """
    require(TRAIN, "accord serve")
    from accord.lm.settings import ModelSettings
    from accord.serve import Worker, make_app
    from accord.serve.weight_routes import START, WeightStore
    from accord.web_server import run_server

    if slots < 1:
        raise RecipeError(f"--slots {slots}: one at least is needed")
    bearer = bearer_token(token, host, no_token=no_token)
    study = _study(collect, ledger)
    store = WeightStore(weights_folder) if take_weights else None
    _check_weights(take_weights, weights_folder, bearer, others=collect is not None or record is not None)
    policy = recording_policy(record, record_policy, record_share)
    with ExitStack() as until_end:
        listener = until_end.enter_context(listening(host, port))
        causal = open_model(run, stage, ModelSettings(dtype=dtype, device=device))
        collector = None if study is None else until_end.enter_context(_collector(study, str(ledger)))
        recorder = None
        if policy is not None:
            session = serving_session(run, stage, policy, label=causal.name, dtype=dtype)
            recorder = until_end.enter_context(recording_to(str(record), session))
        worker = Worker(causal, slots=slots, weights="" if store is None else START)
        beside: Any = {"collector": collector, "recorder": recorder, "weights": store}
        app = make_app(worker, causal.name, token=bearer, **beside)
        place = f"[{host}]" if ":" in host else host
        url = f"http://{place}:{listener.getsockname()[1]}/v1"
        print(f"{causal.name} at {url}" + ("" if bearer is None else f"  token {bearer}"), flush=True)
        run_server(app, listener)
    return 0


def _check_weights(takes: bool, folder: Path | None, bearer: str | None, *, others: bool) -> None:
    """Raises `RecipeError` where weights are to be taken from anybody, or from nowhere, or of what is on record."""
    if folder is not None and not takes:
        raise RecipeError("--weights-folder: it is for weights that are taken; give --take-weights too")
    if takes and bearer is None:
        raise RecipeError("--take-weights with --no-token: anybody could replace the model; leave --no-token out")
    if takes and others:
        raise RecipeError(
            "--take-weights with --collect or --record: what is kept would be of weights that change; serve them apart"
        )
    if folder is not None and not folder.is_dir():
        raise RecipeError(f"--weights-folder {folder}: there is no such folder")


def _study(path: Path | None, ledger: str | None) -> "Study | None":
    """The study for which feedback is taken; None where none is."""
    if path is None and ledger is None:
        return None
    if path is None or ledger is None:
        option = "--collect STUDY" if path is None else "--ledger FILE"
        raise RecipeError(f"{option}: missing; feedback is of a study, and kept in a ledger")
    from accord.collect import Study

    return Study.load(path)


@contextmanager
def _collector(study: "Study", ledger: str) -> "Iterator[Collector]":
    """What takes feedback in, for as long as the server runs. No ledger is left behind by a study that takes none."""
    from accord.collect import Desk
    from accord.feedback import Ledger
    from accord.feedback.store.fresh import ledger_to_fill
    from accord.serve.collecting import Collector

    with ledger_to_fill(ledger) as opened:
        Collector(Desk(study, opened)).close()
    with Ledger(ledger, pooled=True) as opened:
        collector = Collector(Desk(study, opened))
        try:
            yield collector
        finally:
            collector.close()


def bearer_token(token: str | None, host: str, *, no_token: bool) -> str | None:
    """The bearer token of clients: the option's, the environment's, or a fresh one. None with `--no-token`."""
    from accord.web_server import LOOPBACK

    if no_token:
        if token is not None:
            raise RecipeError("--token and --no-token: give one of them")
        if host not in LOOPBACK:
            raise RecipeError(f"--no-token with --host {host}: whoever reaches it could use it; leave --no-token out")
        return None
    bearer = token or os.environ.get("ACCORD_TOKEN") or secrets.token_urlsafe(24)
    if not all("!" <= letter <= "~" for letter in bearer):
        raise RecipeError("the token has a space or a letter that no header can carry; use plain letters and digits")
    return bearer


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is taken before the model is loaded: clients that come early wait in its queue."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(2048)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RecipeError(
                f"{host}:{port}: cannot listen there ({reason}); choose another --port or --host"
            ) from error
        yield listening


def open_model(run: str, stage: str, settings: "ModelSettings") -> "CausalModel":
    """The model, under the name that clients know it by: a folder's path is nothing that they should learn."""
    require(TRAIN, f"{run}: opening a model")
    from accord.artefacts import MODEL, result_of
    from accord.lm import packaged, tiny
    from accord.run import RunDirectory

    path = result_of(Path(run).expanduser())
    if settings.device == "cuda":
        _check_cuda()
    with storage(path):
        is_run = (path / MANIFEST).is_file()
    if is_run:
        with RunDirectory.open(path, write=False) as opened:
            if not MODEL.has(opened, stage):
                start = "; --stage sft serves its supervised start" if MODEL.has(opened, "sft") else ""
                raise ArtefactError(f"{path}: it has no {stage}/model; go on with the run{start}")
            causal = settings.open(MODEL.verified(opened, stage))
            causal.name = opened.manifest.name or path.resolve().name
            return causal
    if stage != "policy":
        raise RecipeError(f"--stage {stage}: {run} is no run (no manifest.json)")
    if len(path.parts) > 1 and path.parent.is_dir() and not path.exists():
        raise ArtefactError(f"{path}: there is no run and no model here")
    if len(path.parts) == 1 and run not in {packaged.NAME, tiny.NAME} and not path.exists():
        raise ArtefactError(
            f"{run}: there is no run and no model here, and {packaged.NAME} and {tiny.NAME} are packaged; a model of "
            "the hub is OWNER/NAME"
        )
    causal = settings.open(run)
    causal.name = path.resolve().name
    return causal


def _check_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise RecipeError("--device cuda: there is none here; leave --device out")
