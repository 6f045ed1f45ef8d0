"""The verbs: each reads its arguments, calls one room, prints."""

from accord.cli.main import main, run

__all__ = ["main", "run"]
