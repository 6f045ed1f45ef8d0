"""One file a kind of judgement: what of a data set its likelihood reads, and how likely that is given scores.

base          Term: what fitting asks of each
comparisons   pairs                        rankings         whole, with tiers
ratings       as numbers                   graded_ratings   as ordered answers
labels        an output an option, or items that one reward answers
corrections  demonstrations  critiques     what evaluators write
acts          who said it, and what it weighs
"""
