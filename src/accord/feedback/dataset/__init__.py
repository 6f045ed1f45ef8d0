"""The data set of a run: training examples drawn from feedback and split by whole units."""
