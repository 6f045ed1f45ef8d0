"""Feedback that needs no desk: programs that judge, and texts written under contrasting prompts."""
