"""The technical terms of a page in plain words, and the links that lead from where they stand to what they mean."""

from accord.report.glossary.linking import explained
from accord.report.glossary.terms import TERMS, Term

__all__ = ["TERMS", "Term", "explained"]
