"""`python -m benchmarks.paper [--write]`: tables of docs/large-machines.md, by the formulas of `large_machines`."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.large_machines import (
    COUNTS,
    GB,
    H100,
    JOB,
    LINKS,
    MICRO,
    MODELS,
    STATE_BYTES,
    STATES,
    covering_tokens,
    people_hours,
    roles,
    shard_rates,
    sharded_traffic,
    works,
)

__all__ = ["BEGIN", "END", "PAGE", "tables"]

BEGIN, END = "<!-- computed: begin -->", "<!-- computed: end -->"
PAGE = Path(__file__).parents[1] / "docs/large-machines.md"


def tables() -> str:
    """All tables of the page, in Markdown."""
    return "\n\n".join("\n".join(part) for part in (_models(), _roles(), _moving(), _covering(), _works(), _people()))


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | list[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _models() -> list[str]:
    first, second = MODELS
    both = (first, second)
    numbers = (
        ("weights", [f"{each.weights:,}" for each in both]),
        ("in bfloat16", [_gb(2 * each.weights) for each in both]),
        *((f"{name} ({number} B)", [_gb(number * each.weights) for each in both]) for name, number in STATES[1:]),
        (f"all that is kept of a trained model ({STATE_BYTES} B)", [_gb(STATE_BYTES * each.weights) for each in both]),
        ("keys and values of a token", [f"{each.kv_bytes:,} B" for each in both]),
        ("of 256 texts of 512 tokens", [_gb(256 * 512 * each.kv_bytes) for each in both]),
        ("activations of a token, all kept", [_mb(each.activation_bytes(checkpointed=False)) for each in both]),
        (f"of {MICRO:,} tokens, all kept", [_gb(MICRO * each.activation_bytes(checkpointed=False)) for each in both]),
        (
            f"of {MICRO:,} tokens, checkpointed",
            [_gb(MICRO * each.activation_bytes(checkpointed=True)) for each in both],
        ),
        (f"logits of {MICRO // 2:,} predictions", [_gb(each.logit_bytes(MICRO // 2, 1024)) for each in both]),
        ("the same as float32 with a softmax beside", [_gb(8 * each.vocabulary * MICRO // 2) for each in both]),
    )
    return _table(["", first.name, second.name], [[name, *values] for name, values in numbers])


def _roles() -> list[str]:
    columns = [(shape, count) for shape in MODELS for count in COUNTS]
    found = [roles(shape, count) for shape, count in columns]
    rows: list[Sequence[str]] = [[name, *(_gb(each[i][1]) for each in found)] for i, (name, _) in enumerate(found[0])]
    sums = [sum(number for _, number in each) for each in found]
    left = [H100.memory - number for number in sums]
    rows.append(["together", *map(_gb, sums)])
    rows.append(["left of 80 GB for keys and values", *(_gb(each) if each > 0 else "does not fit" for each in left)])
    return _table(["GB a GPU", *(f"{shape.name}, {count} GPUs" for shape, count in columns)], rows)


def _moving() -> list[str]:
    steps = JOB.prompts / JOB.prompts_per_step
    rows = [
        [
            name,
            *(_seconds(2 * shape.weights / rate) for shape in MODELS),
            *(_hours(steps * 2 * shape.weights / rate) for shape in MODELS),
        ]
        for name, rate in LINKS
    ]
    head = [f"{s.name} ({_gb(2 * s.weights)}), once" for s in MODELS]
    head += [f"{s.name}, {steps:,.0f} steps, hours" for s in MODELS]
    return _table(["weights to a sampler over", *head], iter(rows))


def _covering() -> list[str]:
    rows = []
    for shape in MODELS:
        for count in COUNTS:
            received = sharded_traffic(shape, count)
            for link, rate in shard_rates(count):
                tokens = f"{covering_tokens(shape, count, rate):,.0f}"
                name = f"{shape.name}, {count} GPUs"
                rows.append([name, link, _gb(received), _seconds(received / rate), tokens])
    head = ["sharded training", "over", "received by each GPU", "seconds", "tokens a GPU that take as long"]
    return _table(head, iter(rows))


def _works() -> list[str]:
    columns = [(shape, count) for shape in MODELS for count in COUNTS]
    found = [works(shape, count) for shape, count in columns]
    rows = [[name, *(_hours(each[i][1]) for each in found)] for i, (name, _) in enumerate(found[0])]
    return _table(["hours", *(f"{shape.name}, {count} GPUs" for shape, count in columns)], iter(rows))


def _people() -> list[str]:
    hours = people_hours()
    rows = [[f"{number:,}", f"{hours:,.0f}", f"{hours / number / JOB.paid_hours:,.0f}"] for number in (10, 100, 1000)]
    return _table(["people", "hours together", "days of 6 hours each"], iter(rows))


def _gb(number: float) -> str:
    return f"{number / GB:,.1f} GB"


def _mb(number: float) -> str:
    return f"{number / 1e6:,.2f} MB"


def _seconds(number: float) -> str:
    return f"{number:.2g} s" if number < 100 else f"{number:,.0f} s"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f}" if seconds < 36_000 else f"{seconds / 3600:.1f}"


def main() -> None:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(prog="benchmarks.paper")
    parser.add_argument("--write", action="store_true", help="put them into docs/large-machines.md")
    if not parser.parse_args().write:
        print(tables())
        return
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{after}")


if __name__ == "__main__":
    main()
