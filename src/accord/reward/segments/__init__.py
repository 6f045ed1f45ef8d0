"""Rewards that are read along a text: at the ends of its words, sentences or steps.

boundaries   where parts, sentences, lines and steps of a text begin and end
reading      texts as a model reads them, segments as tokens, the head's outputs there
labels       what marks and verdicts say of segments
aggregation  pure: one score of the probabilities along a text, and where it is earned
fitting      one step of a fit                  settings   what both kinds share
span_judge  step_judge                          the judges
"""
