"""Metrics of an evaluation: one number a text, which says something of it and not whether it is good."""
