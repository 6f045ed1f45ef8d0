"""Asking machines: `ask`."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accord.cli.answerers import Connection, Manner, Stage, answerer_of, open_chat, refuse_unused, split_source
from accord.cli.printing import complain, print_json
from accord.errors import ModelError, RecipeError, StudyError, storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accord.collect.sources.answering import Answerer
    from accord.collect.sources.ask_counts import AskCounts
    from accord.collect.sources.judge_prompt import Example
    from accord.collect.sources.model import Prices
    from accord.collect.sources.study_items import AskedItem
    from accord.collect.study import Study
    from accord.feedback import Ledger

__all__ = ["ask"]

REASONS = 5
MAX_TOKENS = 1024
WRITING = Connection(model=None, stage="policy", timeout=120.0, retries=2)
"""How a writer of completions is reached, while the flags say how whoever judges is."""


def ask(
    study: Path,
    *,
    ledger: str,
    by: str,
    principles: Path | None = None,
    all_principles: bool = False,
    examples: str | None = None,
    model: str | None = None,
    stage: Stage = "policy",
    writer: str | None = None,
    temperature: float = 0.0,
    max_tokens: int = MAX_TOKENS,
    budget_tokens: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    currency: str = "USD",
    timeout: float = 120.0,
    retries: int = 2,
    parallel: int = 4,
    seed: int = 0,
    resume: bool = False,
    json: bool = False,
) -> int:
    """Ask machines: the items of a study that people answer, put to a model or a program, or written in contrast.

    Example: accord ask my-run/study.toml --ledger people.db --by model:http://127.0.0.1:8000

    Parameters
    ----------
    study
        The study, a TOML file.
    ledger
        Where the answers are kept: a file, or postgresql://user@host/database.
    by
        Who answers. model:URL an OpenAI-compatible endpoint (its token is the environment's ACCORD_TOKEN); run:RUN the
        policy of a run, or a model by name or folder; program:FILE.py:NAME a function of a file, or program:VERDICT a
        ready verdict; contrast:PLUS.txt,MINUS.txt texts written under the one and under the other, the first preferred.
    principles
        A file of principles to judge by, one a line or one a paragraph. A study of corrections is then answered by
        critique and revision.
    all_principles
        Tell all of them. Without it one is told, drawn for each prompt and kept with the answer.
    examples
        A file of items with their answers (`gold`) that are told before every item; `none` for none. Without it: the
        study's practice questions, where it has them.
    model
        What the endpoint calls the model. Without it: the first that it lists.
    stage
        Which of the run's models: one that writes, or the reward model, whose scores become comparisons and rankings.
    writer
        Who writes the texts of a contrast, and completions for prompts that have none: the URL of an endpoint, a run,
        or a model by name or folder. What it wrote for people is judged again.
    temperature
        Of the answers; 0 takes the likeliest token.
    max_tokens
        Of an answer at most.
    budget_tokens
        Tokens that all answers of this evaluator in this study may cost; what is on record counts. An item is begun
        where the most that it can cost is left.
    price_in
        What a million tokens cost that are read.
    price_out
        What a million tokens cost that are written.
    currency
        Of both prices.
    timeout
        Seconds that an endpoint may be silent.
    retries
        How often a request that failed is sent again.
    parallel
        Items under way at once.
    seed
        Decides every lot: orders, principles, the keys of marks.
    resume
        Go on where this evaluator answered some of the items before.
    json
        Print the counts as JSON.
    """
    from accord.collect.sources.judge_prompt import JudgePrompt
    from accord.collect.sources.principles import Principles
    from accord.collect.study import Study
    from accord.feedback.store.fresh import ledger_to_fill
    from accord.records import Sampling

    _check_numbers(parallel, retries, timeout, budget_tokens, temperature, max_tokens)
    beside_model = {
        "principles": principles,
        "all-principles": all_principles or None,
        "temperature": temperature or None,
        "max-tokens": None if max_tokens == MAX_TOKENS else max_tokens,
    }
    of_model = {"model": model, "price-in": price_in, "price-out": price_out}
    refuse_unused(by, stage, beside_model, of_model)
    settings = Study.load(study)
    connection = Connection(model, stage, timeout, retries)
    prices = _prices(price_in, price_out, currency)
    limits = _Limits(resume, budget_tokens, parallel, seed)
    with ledger_to_fill(ledger, pooled=True) as store:
        if split_source(by)[0] == "contrast":
            counts = _contrast(settings, store, split_source(by)[1], writer, connection, prices, limits)
        else:
            told = _examples(settings, store, examples)
            manner = Manner(
                JudgePrompt(settings.question, settings.instructions, told, seed),
                Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed),
                None if principles is None else Principles.load(principles, draw=not all_principles),
                prices,
            )
            answerer = answerer_of(by, settings, connection, manner)
            counts = _ask(settings, store, answerer, told, writer, limits)
    _print(counts, limits, as_json=json)
    if counts.failures:
        raise ModelError(
            f"{counts.failed} of {counts.items} items got no answer, the first: {counts.failures[0]}; what was "
            f"answered is kept, and --resume asks the others"
        )
    return 0


@dataclass(frozen=True)
class _Limits:
    """How far it is asked, and how."""

    resume: bool
    budget: int | None
    parallel: int
    seed: int


def _ask(
    study: "Study",
    ledger: "Ledger",
    answerer: "Answerer",
    examples: "Sequence[Example]",
    writer: str | None,
    limits: _Limits,
) -> "AskCounts":
    """Every item of the study but those that are examples."""
    from accord.collect.sources.asking import Asking
    from accord.collect.sources.study_items import key_of

    example_keys = {key_of(example.item) for example in examples}
    all_items = _items(study, ledger, writer, limits.seed)
    items = [item for item in all_items if item.key not in example_keys]
    if len(items) < len(all_items):
        complain(f"{len(all_items) - len(items)} of {len(all_items)} items are among the examples, and are not asked")
    asking = Asking(study, items, answerer, ledger, **vars(limits), on_item=_progress(len(items)))
    return asking.run()


def _items(study: "Study", ledger: "Ledger", writer: str | None, seed: int) -> "list[AskedItem]":
    """The items, those without completions with what the writer wrote, or writes now."""
    from accord.collect.sources.candidates import Candidates
    from accord.collect.sources.study_items import items_of

    all_items = items_of(study, ledger, has_writer=writer is not None)
    if writer is None or all(item.completions for item in all_items):
        return all_items
    chat, _ = open_chat(writer, WRITING)
    items, incomplete = Candidates(study, ledger, chat, seed).complete(all_items)
    for item in incomplete:
        complain(f"{item.place}: {chat.name} wrote too few different completions; it is not asked")
    return items


def _contrast(
    study: "Study",
    ledger: "Ledger",
    files: str,
    writer: str | None,
    connection: Connection,
    prices: "Prices | None",
    limits: _Limits,
) -> "AskCounts":
    """Every prompt of the study, written under two texts."""
    from accord.collect.sources.contrast_asking import ContrastAsking
    from accord.collect.sources.study_items import items_of

    plus, comma, minus = files.partition(",")
    if not comma or not minus:
        raise RecipeError(f"--by contrast:{files}: name two files with a comma between them")
    if writer is None:
        raise RecipeError("--by contrast: nobody writes; name a --writer, the URL of an endpoint or a run")
    better, worse = _text_of(Path(plus)), _text_of(Path(minus))
    chat, _ = open_chat(writer, connection)
    asking = ContrastAsking(
        study, items_of(study, ledger, has_writer=True), better, worse, chat, ledger, prices, **vars(limits)
    )
    return asking.run()


def _examples(study: "Study", ledger: "Ledger", examples: str | None) -> "tuple[Example, ...]":
    from accord.collect.sources.study_items import examples_from

    name = study.practice_file if examples is None else examples
    return () if name in {None, "none"} else examples_from(study, ledger, Path(str(name)))


def _text_of(path: Path) -> str:
    with storage(path):
        raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    if not text:
        raise StudyError(f"{path}: is empty; write what stands in front of the prompts")
    return text


def _prices(price_in: float | None, price_out: float | None, currency: str) -> "Prices | None":
    from accord.collect.sources.model import Prices

    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None:
        raise RecipeError("--price-in and --price-out: give both")
    if not (0 <= price_in < math.inf and 0 <= price_out < math.inf):
        raise RecipeError(f"--price-in {price_in} --price-out {price_out}: a price is a number from 0")
    return Prices(price_in, price_out, currency)


def _check_numbers(
    parallel: int, retries: int, timeout: float, budget: int | None, temperature: float, max_tokens: int
) -> None:
    """Raises `RecipeError` for a number that none of these can be."""
    least = {"parallel": (parallel, 1), "retries": (retries, 0), "max-tokens": (max_tokens, 1)}
    least |= {} if budget is None else {"budget-tokens": (budget, 1)}
    for name, (value, smallest) in least.items():
        if value < smallest:
            raise RecipeError(f"--{name} {value}: at least {smallest}")
    if not 0 < timeout < math.inf:
        raise RecipeError(f"--timeout {timeout}: a number of seconds above 0")
    if not 0 <= temperature < math.inf:
        raise RecipeError(f"--temperature {temperature}: a number from 0")


def _progress(total: int) -> "Callable[[AskCounts], None]":
    """Says on the standard error when another tenth is done."""

    def tell(counts: "AskCounts") -> None:
        done = counts.before + counts.answered + counts.declined
        if done * 10 // total > (done - 1) * 10 // total:
            complain(f"{done:,} of {total:,} items are done")

    return tell


def _print(counts: "AskCounts", limits: _Limits, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(counts))
        return
    print(
        f"{counts.items:,} items: {counts.answered:,} answered now, {counts.declined:,} declined, {counts.before:,} "
        f"before, {counts.failed:,} failed, {counts.left:,} left"
    )
    if counts.differ_by_order:
        print(f"{counts.differ_by_order:,} of the answered differ by the order that was shown, and are no pairs")
    for reason, count in counts.reasons.most_common(REASONS):
        print(f"{count:>6,} declined: {reason:.100}")
    cost = "" if counts.cost is None else f", {counts.cost:.4f} {counts.currency}"
    if counts.requests or counts.uncounted:
        uncounted = f"; {counts.uncounted:,} answers whose tokens nobody counted" if counts.uncounted else ""
        tokens = f"{counts.input_tokens:,} tokens read and {counts.output_tokens:,} written"
        print(f"{counts.requests:,} requests, {tokens}{cost}{uncounted}")
    if limits.budget is not None and counts.left and not counts.failures:
        print(
            f"the next item could cost more than is left of the budget of {limits.budget:,} tokens; go on with "
            f"--resume and a larger --budget-tokens"
        )
