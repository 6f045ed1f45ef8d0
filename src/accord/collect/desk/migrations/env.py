"""Alembic's way in."""

from accord.feedback.store import run_migrations

run_migrations()
