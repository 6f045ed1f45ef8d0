"""Talking to a policy on a page, and voting between two: `chat`; who stands where by all votes: `standings`."""

from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from accord.cli.printing import complain, print_json, table_console
from accord.cli.serving import bearer_token, listening, open_model
from accord.errors import AccordError, ArtefactError, LedgerError, RecipeError, storage
from accord.run import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accord.feedback.statistics.standings import Standings
    from accord.lm.settings import ModelSettings
    from accord.records import Sampling
    from accord.serve.chat.speakers import Speaker
    from accord.serve.chat.votes import BallotBox
    from accord.stats import Estimate

__all__ = ["chat", "standings"]

Stage = Literal["policy", "sft"]
EvaluatorKind = Literal["person", "model", "rule", "simulated"]
FRESH_TOKENS = 512  # that an answer may have where no run says how many


def chat(
    run: str,
    *,
    against: str | None = None,
    ledger: str | None = None,
    stage: Stage | None = None,
    against_stage: Stage | None = None,
    evaluator: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    no_token: bool = False,
    slots: int = 8,
    dtype: Literal["bfloat16", "float32"] = "bfloat16",
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> int:
    """A page to talk to a policy; with --against to two at once, blindly, whose answers are voted on. Ctrl-C ends it.

    Example: accord chat runs/demo --against runs/other --ledger votes.db

    Parameters
    ----------
    run
        The run; or a model by name (smollm2-135m), folder or hub id.
    against
        Another run or model: both answer side by side, in an order drawn by lot and told after the vote. It may be the
        same run at another --against-stage.
    ledger
        Where votes are kept, as comparisons: a file, or postgresql://user@host/database. Needed with --against.
    stage
        Which of the run's models; without it the policy, or the supervised start where the run has no policy.
    against_stage
        The same for --against.
    evaluator
        The pseudonym under which all votes of the page are kept; without it every browser has one of its own.
    host
        Where to listen. Beyond this machine only with a token, and behind a proxy that speaks TLS.
    port
        The port; 0 takes a free one.
    token
        What a browser must show once. Without it: the environment's ACCORD_TOKEN, else a fresh one.
    no_token
        Ask for none; on this machine only.
    slots
        Answers that a model writes at once.
    dtype
        The type of the weights.
    device
        Where the models are.
    """
    from accord.lm.settings import ModelSettings
    from accord.serve.chat.app import make_chat_app
    from accord.web_server import LOOPBACK, hosts_served, run_server

    _check_options(against, against_stage, ledger, evaluator, slots)
    shown = bearer_token(token, host, no_token=no_token)
    settings = ModelSettings(dtype=dtype, device=device)
    with ExitStack() as until_end:
        listener = until_end.enter_context(listening(host, port))
        speakers = [_speaker(run, stage, settings, slots)]
        box = None
        if against is not None:
            speakers.append(_speaker(against, against_stage, settings, slots))
            _check_different(speakers)
            box = until_end.enter_context(_ballot_box(str(ledger), evaluator))
        app = make_chat_app(*speakers, token=shown, box=box, hosts=hosts_served(host))
        if host not in LOOPBACK:
            complain(f"--host {host}: whoever shares the network can read along; put a proxy that speaks TLS in front")
        place = f"[{host}]" if ":" in host else host
        url = f"http://{place}:{listener.getsockname()[1]}/" + ("" if shown is None else f"?token={shown}")
        print(f"{' against '.join(speaker.name for speaker in speakers)} at {url}", flush=True)
        if box is not None:
            print(f"votes go to {box.ledger.location}", flush=True)
        run_server(app, listener)
    return 0


def _check_options(
    against: str | None, against_stage: Stage | None, ledger: str | None, evaluator: str | None, slots: int
) -> None:
    if slots < 1:
        raise RecipeError(f"--slots {slots}: one at least is needed")
    if against is None:
        for option, value in {"--ledger": ledger, "--against-stage": against_stage, "--evaluator": evaluator}.items():
            if value is not None:
                raise RecipeError(f"{option} {value}: nothing is voted on; name another model by --against")
    elif ledger is None:
        raise RecipeError("--ledger FILE: missing; it is where votes are kept")
    if evaluator is not None and not evaluator.strip():
        raise RecipeError("--evaluator: give a pseudonym, or leave it out")


def _speaker(run: str, stage: Stage | None, settings: "ModelSettings", slots: int) -> "Speaker":
    """A model under the name that its texts are kept under, with the sampling of its run."""
    from jinja2 import TemplateError

    from accord.artefacts import result_of
    from accord.records import Prompt, Sampling
    from accord.serve import Worker
    from accord.serve.chat.speakers import Speaker

    name, sampling = None, Sampling(temperature=0.7, max_tokens=FRESH_TOKENS)
    path = result_of(Path(run).expanduser())
    with storage(path):
        is_run = (path / MANIFEST).is_file()
    if is_run:
        stage = stage or _stage_of(path)
        name, sampling = _of_run(path, stage, sampling)
    causal = open_model(run, stage or "policy", settings)
    try:
        causal.encode_prompt(Prompt.ask("Hello."))
    except (AccordError, TemplateError) as error:
        raise RecipeError(f"{run}: it has no chat template that takes a question ({error})") from error
    most = max(1, causal.context // 2)
    return Speaker(
        Worker(causal, slots=slots),
        name or causal.name,
        sampling.model_copy(update={"max_tokens": min(sampling.max_tokens, most), "seed": None}),
    )


def _stage_of(path: Path) -> Stage:
    """The policy, or the supervised start of a run that has none."""
    from accord.artefacts import MODEL
    from accord.run import RunDirectory

    with RunDirectory.open(path, write=False) as opened:
        return "sft" if MODEL.has(opened, "sft") and not MODEL.has(opened, "policy") else "policy"


def _of_run(path: Path, stage: Stage, unset: "Sampling") -> "tuple[str, Sampling]":
    """The name of a run's model, which has a digest of its files in it, and how the run sampled from it."""
    import hashlib

    from accord.artefacts import MODEL, RECIPE, RunReader
    from accord.records import Sampling
    from accord.run import RunDirectory

    with RunDirectory.open(path, write=False) as opened:
        if not MODEL.has(opened, stage):
            raise ArtefactError(f"{path}: it has no {stage}/model; go on with the run, or name another stage")
        files = sorted(f"{name} {file.sha256}" for name, file in opened.files_of(stage).items())
        digest = hashlib.sha256("\n".join(files).encode()).hexdigest()[:8]
        name = opened.manifest.name or path.resolve().name
        settings = RunReader.of(opened).recipe if RECIPE.has(opened) else {}
    stated = settings.get(stage, {}).get("sampling") or settings.get("evaluate", {}).get("sampling")
    sampling = unset if stated is None else Sampling.model_validate(stated)
    return f"{name}{'' if stage == 'policy' else f'/{stage}'}@{digest}", sampling


def _check_different(speakers: "list[Speaker]") -> None:
    first, second = speakers
    if first.name == second.name:
        raise RecipeError(
            f"--against: both models are called {first.name}, and votes could not be told apart; compare two different "
            "ones, or rename a folder"
        )


@contextmanager
def _ballot_box(ledger: str, evaluator: str | None) -> "Iterator[BallotBox]":
    """Where votes go, for as long as the page is served."""
    from accord.feedback import Ledger
    from accord.serve.chat.votes import BallotBox

    with Ledger(ledger, pooled=True) as opened:
        box = BallotBox(opened, evaluator)
        try:
            yield box
        finally:
            box.close()


def standings(ledger: str, *, study: str | None = None, by: EvaluatorKind | None = None, json: bool = False) -> None:
    """Tell whose texts are preferred: the models of a ledger's comparisons and rankings, best first, with intervals.

    Example: accord standings votes.db

    Parameters
    ----------
    ledger
        The ledger, a file or postgresql://user@host/database.
    study
        Only the answers to this study; those of `accord chat` are to the study chat.
    by
        Only those of evaluators of this kind.
    json
        Print it as JSON.
    """
    from accord.feedback import Ledger
    from accord.feedback.statistics.standings import standings_of

    with Ledger(ledger, write=False) as opened:
        found = standings_of(opened, study=study, by=by)
    if found is None:
        raise LedgerError(
            f"{ledger}: no two texts of different models are compared in it (completions name their model as `writer`)"
        )
    if json:
        print_json({"ledger": ledger, **asdict(found)})
    else:
        _print_standings(found)


def _print_standings(found: "Standings") -> None:
    from rich.markup import escape
    from rich.table import Table

    console, several = table_console(), found.groups > 1
    table = Table(box=None, pad_edge=False)
    for column in (*(["group"] if several else []), "place", "model", "Bradley-Terry", "Elo", "preferred", "compared"):
        table.add_column(column, overflow="fold", justify="left" if column == "model" else "right")
    for one in found.models:
        place = str(one.rank_low) if one.rank_low == one.rank_high else f"{one.rank_low}-{one.rank_high}"
        cells = [place, escape(one.model), _points(one.rating), _points(one.elo), _share(one.win_rate)]
        table.add_row(*([str(one.group)] if several else []), *cells, str(one.battles))
    console.print(table)
    print(f"{found.battles} comparisons, {found.ties} ties, {found.both_bad} of them with both bad")
    print(f"by {found.people} known people; 95 % intervals over {found.clusters}")
    if found.left_rate is not None:
        print(f"the left one was preferred: {_share(found.left_rate)} of {found.left_rate.n} with a known order")
    for reason, count in found.left_out.items():
        print(f"left out: {count}, {reason}")
    if several:
        print("groups were never compared with one another: ratings of different groups cannot be compared")


def _points(estimate: "Estimate") -> str:
    interval = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.0f}, {estimate.high:.0f}]"
    return f"{estimate.value:.0f}{interval}"


def _share(estimate: "Estimate") -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.1%}"
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
