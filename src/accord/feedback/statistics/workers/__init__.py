"""How reliable each evaluator is, from control questions and from votes on the same items.

votes        opinions and labels as arrays
fitting      one-coin, Dawid-Skene and MACE models, and one accuracy for all
confusion    what a fitted model says of the truth, of votes and of evaluators
signal       each evaluator's votes against what all the others make of the items
shrinkage    rates of single evaluators drawn to the pool's
held_out     whether a model foretells votes it has not seen
estimates    accuracies by evaluator, and whether the model helps
"""
