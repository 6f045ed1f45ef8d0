"""Several questions about an item: an answer each, and votes, known answers and rulings by question.

What was there before is of a study's one question, whose name is "".
"""

import json

from alembic import op
from sqlalchemy import JSON, Column, Integer, Text, text

revision = "0007"
down_revision = "0006"

ONLY = ""


def upgrade() -> None:
    """Make the table of answers, and put what stood with items and reservations under the name of their question."""
    op.create_table(
        "collect_answers",
        Column("reservation", Text, primary_key=True),
        Column("question", Text, primary_key=True),
        Column("place", Integer, nullable=False),
        Column("vote", Text),
        Column("feedback", Text),
    )
    op.execute(
        "INSERT INTO collect_answers (reservation, question, place, vote, feedback) "
        "SELECT id, '', 0, opinion, feedback FROM collect_reservations "
        "WHERE feedback IS NOT NULL OR opinion IS NOT NULL"
    )
    op.drop_column("collect_reservations", "opinion")
    op.add_column("collect_reservations", Column("step_answers", JSON, nullable=False, server_default="[]"))
    op.add_column("collect_items", Column("rulings", JSON, nullable=False, server_default="{}"))
    _name_the_question()
    op.drop_column("collect_items", "adjudicated")


def _name_the_question() -> None:
    connection = op.get_bind()
    rows = connection.execute(text("SELECT id, gold, votes, adjudicated FROM collect_items")).all()
    change = text("UPDATE collect_items SET gold = :gold, votes = :votes, rulings = :rulings WHERE id = :id")
    for row in rows:
        values = {
            "id": row.id,
            "gold": None if row.gold is None else _under_its_name(row.gold),
            "votes": _under_its_name(row.votes),
            "rulings": "{}" if row.adjudicated is None else json.dumps({ONLY: row.adjudicated}),
        }
        connection.execute(change, values)


def _under_its_name(content: object) -> str:
    """A JSON column's value, as text (SQLite) or read already (PostgreSQL), under the name of the only question."""
    value = json.loads(content) if isinstance(content, str) else content
    return json.dumps({ONLY: value} if value else {})
