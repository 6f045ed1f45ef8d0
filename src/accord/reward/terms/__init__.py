"""One file a kind of judgement: what of a data set its likelihood reads, and how likely that is given scores.

base          Term: what fitting asks of each
comparisons   pairs
"""
