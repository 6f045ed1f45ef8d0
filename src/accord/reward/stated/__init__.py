"""Rewards that are stated, not learnt: rules and tools that say what a completion is worth.

settings     what such rewards share: nothing is trained, what they read is noted among the inputs of the run
judge        a rule as a judge: a number a completion, with its components
references   what completions are held against, by prompt: a file of JSON lines, or demonstrations
referenced   what kinds with references share: checked before anything learns, kept in the run
answers      is an answer the right one: by its number, as a text, letter by letter
abstention   does a text decline to answer
confidence   the probability of being right that a text states, and its Brier score
lengths      pure functions: limits, targets and the soft punishment of what is too long
patterns     regular expressions in time linear in the text; tags in order
"""
