"""Talking to a policy: `serve`."""

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from accord.cli.printing import complain

if TYPE_CHECKING:
    from accord.lm.causal import CausalModel
    from accord.lm.settings import ModelSettings

__all__ = ["serve"]

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


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
        The port.
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
    """
    import uvicorn

    from accord.errors import RecipeError
    from accord.lm.settings import ModelSettings
    from accord.serve import Worker, make_app

    if no_token and host not in LOOPBACK:
        raise RecipeError(f"--no-token with --host {host}: whoever reaches it could use it; leave --no-token out")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)  # who connects while the model is being opened waits instead of being turned away
        except OSError as error:
            complain(f"{host}:{port}: cannot listen there ({error.strerror}); choose another --port")
            return 2
        settings = ModelSettings(dtype=dtype, device=device)
        causal, name = _model(run, stage, settings)
        shown = None if no_token else token or os.environ.get("ACCORD_TOKEN") or secrets.token_urlsafe(24)
        url = f"http://{host}:{listening.getsockname()[1]}/v1"
        print(f"{name} at {url}" + ("" if shown is None else f"  token {shown}"), flush=True)
        config = uvicorn.Config(
            make_app(Worker(causal, slots=slots), name, token=shown), log_level="warning", lifespan="on"
        )
        with suppress(KeyboardInterrupt):  # raised again once everything is shut down in order
            uvicorn.Server(config).run(sockets=[listening])
    return 0


def _model(run: str, stage: str, settings: "ModelSettings") -> "tuple[CausalModel, str]":
    from accord.run import RunDirectory

    if not (Path(run) / "manifest.json").is_file():
        return settings.open(run), Path(run).name
    with RunDirectory.open(run, write=False) as opened:
        return settings.open(opened.verified(f"{stage}/model")), opened.manifest.name
