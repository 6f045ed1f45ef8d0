"""The card of a judge: how good it is on what was held out, and how it can be fooled.

scored       the judge's scores of what was held out
pairs        accuracy, calibration, and what costs nothing beside them      word_baseline  the words alone
judgements   every kind of judgement, and how well the scores go with it
enough       what a number of observations allows to say
measure      all of it as one card
"""
