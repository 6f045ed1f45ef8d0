"""Rewards from a specification in words: clauses become propositions that a judge model answers with yes or no.

clauses     a proposition, and the conversation in which it is asked about
answering   a judge model here, by its probabilities, or at an endpoint, by its replies
weighing    how much each clause counts, fitted where people rated or compared
judge       all of it as a judge of completions
"""
