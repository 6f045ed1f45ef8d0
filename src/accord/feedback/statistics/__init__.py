"""Statistics of feedback: agreement between evaluators, and the reliability of each."""
