"""How far answers lie apart, what is to be seen of each, who is out of training, and who may see names."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Double, Text, false

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; what they say of earlier answers is worked out when the study's items are read again."""
    op.add_column("collect_items", Column("differences", JSON, nullable=False, server_default="{}"))
    op.add_column("collect_items", Column("difference", Double))
    op.add_column("collect_items", Column("imported", Boolean, nullable=False, server_default=false()))
    op.add_column("collect_people", Column("excluded", Boolean, nullable=False, server_default=false()))
    op.add_column("collect_contacts", Column("note", Text, nullable=False, server_default=""))
    op.add_column("collect_answers", Column("marks", Text))
    op.add_column("collect_admins", Column("sees_names", Boolean, nullable=False, server_default=false()))
    op.create_index("collect_items_difference", "collect_items", ["study", "purpose", "difference"])
    op.create_index("collect_reservations_closed", "collect_reservations", ["study", "closed"])
    op.create_index("collect_answers_feedback", "collect_answers", ["feedback"])
