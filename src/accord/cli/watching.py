"""Runs as they are at this moment: `watch`, `runs`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from accord.cli.printing import complain, print_json, table_console
from accord.cli.serving import bearer_token, listening
from accord.errors import RecipeError

if TYPE_CHECKING:
    from accord.watch import Watched

__all__ = ["runs", "watch", "watched_folder"]


def watch(
    run: Path,
    *,
    prefix: str = "",
    round: str | None = None,
    once: bool = False,
    json: bool = False,
    host: str = "127.0.0.1",
    port: int = 8200,
    token: str | None = None,
    no_token: bool = False,
) -> int:
    """A run while it works and afterwards: state, stages, curves, samples, rounds, on a page that updates itself.

    The run is only read, and never held: whoever works on it does not notice. Ctrl-C ends it.

    Example: accord watch runs/demo

    Parameters
    ----------
    run
        The run; or a folder with rounds, each a run of its own (RUN/rounds/01).
    prefix
        Look at the stages below this prefix alone (`rounds/03`).
    round
        With --once or --json: the round that is shown; without it the newest. The page has a link for each.
    once
        Print the same on one screen, and end.
    json
        Print the numbers as JSON, and end.
    host
        Where to listen. Beyond this machine only with a token, and behind a proxy that speaks TLS.
    port
        The port; 0 takes a free one.
    token
        What a browser must show once. Without it: the environment's ACCORD_TOKEN, else a fresh one.
    no_token
        Ask for none; on this machine only.
    """
    from accord.watch import Watched

    watched = watched_folder(run, prefix)
    if once and json:
        raise RecipeError("--once and --json: give one of them")
    if round is not None and not (once or json):
        raise RecipeError(f"--round {round}: is for --once and --json; the page has a link for each round")
    if once or json:
        _print(watched, round, json=json)
        return 0
    assert isinstance(watched, Watched)
    _serve(watched, host, port, bearer_token(token, host, no_token=no_token))
    return 0


def watched_folder(run: Path, prefix: str = "") -> "Watched":
    """What is watched; a run's folder may be given with a prefix of its stages behind it (`runs/a/rounds/03`)."""
    from accord.run import MANIFEST
    from accord.watch import Watched

    if not prefix and not run.exists():
        for parent in run.parents:
            if (parent / MANIFEST).is_file():
                return Watched(parent, run.relative_to(parent).as_posix())
    return Watched(run, prefix.strip("/"))


def _print(watched: "Watched", round_name: str | None, *, json: bool) -> None:
    from accord.watch import view_of
    from accord.watch.numbers import to_json
    from accord.watch.terminal import render_view

    view = view_of(watched, round_name)
    print_json(to_json(view)) if json else table_console().print(render_view(view))


def _serve(watched: "Watched", host: str, port: int, token: str | None) -> None:
    from accord.watch import make_watch_app
    from accord.web_server import LOOPBACK, hosts_served, run_server

    with ExitStack() as until_end:
        listener = until_end.enter_context(listening(host, port))
        app = make_watch_app(watched, token=token, hosts=hosts_served(host))
        if host not in LOOPBACK:
            complain(f"--host {host}: whoever shares the network can read along; put a proxy that speaks TLS in front")
        place = f"[{host}]" if ":" in host else host
        url = f"http://{place}:{listener.getsockname()[1]}/" + ("" if token is None else f"?token={token}")
        print(f"{watched.folder} at {url}", flush=True)
        run_server(app, listener)


def runs(folder: Path = Path("runs"), *, json: bool = False) -> None:
    """The runs below a folder: what each does, its newest number, when it was last active, its size on disk.

    Example: accord runs runs

    Parameters
    ----------
    folder
        The folder. Runs are only read, also while they go on.
    json
        Print JSON.
    """
    from accord.watch import list_runs
    from accord.watch.listing import render_runs

    found = list_runs(folder)
    if json:
        print_json([run.to_json() for run in found])
    elif not found:
        print(f"{folder}: no runs below it")
    else:
        table_console().print(render_runs(found))
