"""The items of a study as a table for analysis: their metadata, how far they are, and the votes on each question."""

import csv
import io
import json

from sqlalchemy import select

from accord.collect.desk import tables
from accord.collect.desk.context import Context
from accord.collect.desk.platform import csv_cell
from accord.records import Prompt

__all__ = ["item_table"]

ITEMS = tables.items
COUNTS = ("answered", "by_experts", "overlap", "declined", "closed", "votes", "difference")
COLUMNS = ("item", "prompt", "text", "completions", *COUNTS)


def item_table(context: Context) -> str:
    """CSV, a line an item: `metadata.KEY` for each key that any item has; `votes` and `completions` as JSON;
    `difference` is how far the answers of two people lie apart, in [0, 1].

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    with context.reading() as tx:
        of_study = (ITEMS.c.study == tx.study.name, ITEMS.c.purpose == "item")
        rows = tx.execute(select(ITEMS).where(*of_study).order_by(ITEMS.c.place)).all()
        prompts = tx.records(Prompt, [row.prompt for row in rows])
    keys = sorted({key for row in rows for key in row.metadata})
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow([*COLUMNS, *(csv_cell(f"metadata.{key}") for key in keys)])
    for row in rows:
        cells = [row.id, row.prompt, prompts[row.prompt].text, json.dumps(row.completions)]
        cells += [row.answered, row.answered_by_experts, row.overlap, row.declined, row.closed, json.dumps(row.votes)]
        cells.append("" if row.difference is None else row.difference)
        table.writerow([csv_cell(f"{cell}") for cell in (*cells, *(row.metadata.get(key, "") for key in keys))])
    return out.getvalue()
