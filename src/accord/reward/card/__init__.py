"""The card of a judge: how good it is on what was held out, and how it can be fooled.

scored       the judge's scores of what was held out
pairs        accuracy, calibration, and what costs nothing beside them      word_baseline  the words alone
held_out_calibration   probabilities set right on people of whom nothing was learnt    members  as people disagree
judgements   every kind of judgement, and how well the scores go with it    ordered  inside   statistics of these
breakdown    accuracy on new prompts, new evaluators, groups, sources, lengths
shifts       accuracy near to and far from what was learnt from
probes       texts that nobody wrote: edited answers, and what is known to be bad   edits  good_answers
reasons      which tokens made the worst mistakes    other_judge   agreement with another judge
enough       what a number of observations allows to say
pair_file    a file of pairs by subset: RewardBench in and out
claims       which claims all of this allows, in words      measure  all of it as one card
"""
