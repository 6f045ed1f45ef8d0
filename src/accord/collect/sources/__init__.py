"""Sources of feedback that need no desk: programs that judge, and texts written under contrasting prompts."""
