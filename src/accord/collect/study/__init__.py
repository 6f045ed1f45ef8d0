"""What is asked: a study as one file, and each kind of judgement with its question and its form."""
