"""Asking people: `collect`."""

import getpass
import os
import secrets
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from accord.cli.answerers import assistant_of
from accord.cli.printing import complain
from accord.cli.serving import listening, open_model
from accord.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from socket import socket

    from accord.collect.desk.overview import ItemTotals
    from accord.collect.desk.service import Desk
    from accord.collect.study.settings import Study
    from accord.collect.web.added_pages import AddedPage
    from accord.interfaces import Judge, Writer

__all__ = ["collect"]

MAX_REMARKS = 10


def collect(
    study: Path,
    *more_studies: Path,
    ledger: str,
    host: str = "127.0.0.1",
    port: int = 8100,
    writer: str | None = None,
    stage: Literal["policy", "sft"] = "policy",
    judge: Path | None = None,
    public_url: str | None = None,
    proxy: str = "127.0.0.1",
    admin: str | None = None,
    names: bool = False,
    invite: int = 0,
    invite_experts: int = 0,
    seed: int = 0,
    changed: bool = False,
    approvals: Path | None = None,
    add: Path | None = None,
    watch: Path | None = None,
) -> int:
    """Ask people: a study's pages, for evaluators and for whoever runs it. Ctrl-C ends it; what was sent is kept.

    Example: accord collect my-run/study.toml --ledger people.db --admin kim

    Parameters
    ----------
    study
        The study, a TOML file.
    more_studies
        More studies, under the same address and on the same ledger; a person is one person in all of them.
    ledger
        Where the answers are kept: a file, or postgresql://user@host/database.
    host
        Where to listen. Beyond this machine behind a proxy that speaks TLS.
    port
        The port; 0 takes a free one.
    writer
        Who writes candidates for prompts that have none: a run, a model by name or folder, or the URL of an endpoint.
    stage
        Which of the run's models writes.
    judge
        A run whose reward model says where people may disagree (`choose = "disagreement"`); with `ensemble_size` it
        knows what it does not know.
    public_url
        How the world reaches the pages, where a proxy stands in front: https://study.example.org. With https, cookies
        are sent over TLS alone.
    proxy
        The address of that proxy: it alone may say where a request came from.
    admin
        Give this name a (new) password for the pages under /admin: the environment's ACCORD_PASSWORD, else asked for
        at a terminal, else a fresh one that is printed.
    names
        With --admin: this name may see who people are (names, contacts, notes). Without it, nobody of that name may.
    invite
        Print so many invite links, each for one person.
    invite_experts
        Print so many for experts, who get what the others cannot settle (`[experts]` in the study).
    seed
        Decides every lot: sides, order, what is mixed in.
    changed
        The study of this name in the ledger is meant, though its question or all of its items are others now.
    approvals
        Write whom a crowd platform is to approve to this CSV file, and end: nothing is served.
    add
        Add the items of this file to the study, which may be running, and end: all of them, or none where a line is
        wrong. They stay when the study starts anew.
    watch
        A run that whoever runs the study may watch, on a page of theirs: state, curves, samples, labels against the
        budget.
    """
    from accord.collect import Desk, Study
    from accord.feedback import Ledger
    from accord.feedback.store.fresh import ledger_to_fill

    _check_address(host, public_url)
    if names and admin is None:
        raise RecipeError("--names: whose right is it? Name whoever runs the study beside it: --admin NAME")
    studies = [Study.load(path) for path in (study, *more_studies)]
    if approvals is not None:
        _only_one(studies, "--approvals")
        return _write_approvals(studies[0], ledger, approvals)
    if add is not None:
        _only_one(studies, "--add")
        return _add_items(studies[0], ledger, add)
    added = _run_pages(watch)
    with listening(host, port) as listener:
        writers = _writer(writer, stage, studies)
        opening = partial(Desk, seed=seed, judge=_judge(judge), changed=changed)
        desks_of = [
            partial(opening, settings, writer=_used_by(settings, writers), assistant=assistant_of(settings))
            for settings in studies
        ]
        with ledger_to_fill(ledger) as opened:
            totals = [desk_of(opened).load_items() for desk_of in desks_of]
        with Ledger(ledger, pooled=True) as opened:
            desks = [desk_of(opened) for desk_of in desks_of]
            hostname = f"[{host}]" if ":" in host else host
            url = (public_url or f"http://{hostname}:{listener.getsockname()[1]}").rstrip("/")
            password = None if admin is None else _own_password()
            for desk, total in zip(desks, totals, strict=True):
                at = f"{url}/{desk.study.name}" if len(desks) > 1 else url
                _print_start(desk, total, at, admin, password, names=names)
            at = f"{url}/{desks[0].study.name}" if len(desks) > 1 else url
            _print_invites(desks[0], at, invite, invite_experts)
            print(f"listening at {url}", flush=True)
            _serve(desks, listener, host, public_url, proxy, added)
    return 0


def _run_pages(run: Path | None) -> "list[AddedPage]":
    """The page of a run that is watched, where one is."""
    if run is None:
        return []
    from accord.cli.watching import watched_folder
    from accord.watch.study_page import study_page

    return [study_page(watched_folder(run))]


def _only_one(studies: "Sequence[Study]", option: str) -> None:
    if len(studies) > 1:
        raise RecipeError(f"{option}: is of one study, and {len(studies)} are named; name that one alone")


def _used_by(study: "Study", writer: "Writer | None") -> "Writer | None":
    """The writer, where the study has something to write."""
    return None if study.candidates is None and study.dialogue is None else writer


def _write_approvals(study: "Study", ledger: str, path: Path) -> int:
    """The list for the platform, for its owner alone."""
    from accord.collect import Desk
    from accord.collect.desk.platform import as_csv
    from accord.feedback import Ledger
    from accord.feedback.store.atomic_write import atomic_file

    if study.platform is None:
        raise RecipeError(f"--approvals {path}: the study has no platform; add a section [platform] to it")
    Ledger(ledger, write=False).close()  # one that is not there is not made
    with Ledger(ledger) as opened:
        lines = Desk(_unserved(study), opened).approvals()
    with atomic_file(path) as beside:
        beside.write_text(as_csv(lines), encoding="utf-8", newline="")
    print(f"{path}: {len(lines)} workers, {sum(line.status == 'approve' for line in lines)} to approve")
    return 0


def _add_items(study: "Study", ledger: str, path: Path) -> int:
    """The items of a file, beside those that are there."""
    from accord.collect import Desk
    from accord.feedback import Ledger

    Ledger(ledger, write=False).close()  # one that is not there is not made
    with Ledger(ledger) as opened:
        added = Desk(_unserved(study), opened).add_items(path)
    known = f"; {added.known} were there before" if added.known else ""
    again = f", {added.again} of them not asked any more, and asked again now" if added.again else ""
    print(f"{path}: {added.new} items added to {study.name}{known}{again}")
    for remark in added.remarks[:MAX_REMARKS]:
        complain(remark)
    return 0


def _unserved(study: "Study") -> "Study":
    """A study whose desk is opened without serving it: nothing is chosen and nobody asked, so it needs no judge and no
    assistant."""
    return study.model_copy(update={"choose": "coverage", "assist": None})


def _serve(
    desks: "Sequence[Desk]",
    listener: "socket",
    host: str,
    public_url: str | None,
    proxy: str,
    added: "Sequence[AddedPage]",
) -> None:
    """The pages of one desk, or of several, until Ctrl-C."""
    from accord.collect.web.app import make_app, make_house
    from accord.web_server import hosts_served, run_server

    hosts = hosts_served(host)
    if len(desks) > 1:
        app = make_house(desks, public_url=public_url, hosts=hosts, added=added)
    else:
        app = make_app(desks[0], public_url=public_url, hosts=hosts, added=added)
    run_server(app, listener, proxy=None if public_url is None else proxy)


def _check_address(host: str, public_url: str | None) -> None:
    from accord.web_server import LOOPBACK

    if public_url is not None:
        parts = urlsplit(public_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise RecipeError(f"--public-url {public_url}: give https://name, without a path behind it")
    if host not in LOOPBACK and not (public_url or "").startswith("https://"):
        complain(
            f"--host {host} without an https --public-url: whoever shares the network can read along; "
            f"put a proxy that speaks TLS in front (docs/collect.md)"
        )


def _writer(source: str | None, stage: Literal["policy", "sft"], studies: "Sequence[Study]") -> "Writer | None":
    if source is None:
        return None
    if all(study.candidates is None and study.dialogue is None for study in studies):
        raise RecipeError(
            f"--writer {source}: the study asks for no candidates and no dialogue; set `candidates` in it, or leave "
            f"it out"
        )
    if source.startswith(("http://", "https://")):
        from accord.lm.remote import EndpointWriter

        return EndpointWriter.find(source)
    from accord.lm.settings import ModelSettings
    from accord.lm.writer import ModelWriter

    return ModelWriter(open_model(source, stage, ModelSettings(dtype="float32")))


def _judge(run: Path | None) -> "Judge | None":
    """The reward model of a run, whose doubt says what several people should judge."""
    if run is None:
        return None
    from accord.artefacts import MODEL, result_of
    from accord.lm.reward_model_files import load_reward_model
    from accord.run import RunDirectory

    with RunDirectory.open(result_of(run), write=False) as directory:
        return load_reward_model(MODEL.verified(directory, "reward"), name="reward", dtype="float32")


def _print_start(
    desk: "Desk", totals: "ItemTotals", url: str, admin: str | None, own: str | None, *, names: bool
) -> None:
    """What whoever starts it wants to know: what there is to judge, where, and by which links and password."""
    from accord.collect.study.interface_languages import missing_texts

    print(
        f"{desk.study.title}: {totals.items} items ({totals.new} new), {totals.gold} gold, {totals.practice} practice"
        + (f"; {totals.withdrawn} are not in the files any more, and not asked" if totals.withdrawn else "")
    )
    for remark in totals.remarks[:MAX_REMARKS]:
        complain(remark)
    if len(totals.remarks) > MAX_REMARKS:
        complain(f"and {len(totals.remarks) - MAX_REMARKS} more of the kind")
    for remark in missing_texts(desk.study.catalogues()):
        complain(remark)
    if admin is not None:
        password = own or secrets.token_urlsafe(12)
        desk.set_admin(admin, password, sees_names=names)
        print(f"for whoever runs it: {url}/admin  name {admin}" + ("" if own else f"  password {password}"))
    if desk.study.platform is not None:
        print(f"for the platform: {url}{desk.study.platform.link}")


def _print_invites(desk: "Desk", url: str, invite: int, invite_experts: int) -> None:
    for _ in range(invite):
        print(f"for one person: {url}/join/{desk.invite().token}")
    for _ in range(invite_experts):
        print(f"for one expert: {url}/join/{desk.invite(expert=True).token}")


def _own_password() -> str | None:
    """The password of the environment, or asked for at a terminal; None where a fresh one is to be drawn."""
    if password := os.environ.get("ACCORD_PASSWORD"):
        return password
    return getpass.getpass("password for the pages under /admin: ") if sys.stdin.isatty() else None
