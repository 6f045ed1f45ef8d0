"""Alembic's way in."""

from accord.feedback.store.database import run_migrations

run_migrations()
