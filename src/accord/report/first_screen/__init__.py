"""What a page says first, in words that need no glossary: whose model, what changed, how sure that is."""

from accord.report.first_screen.changes import Changes, changes
from accord.report.first_screen.claims import Answer, Claims, anchor, claims
from accord.report.first_screen.facts import Fact, facts

__all__ = ["Answer", "Changes", "Claims", "Fact", "anchor", "changes", "claims", "facts"]
