"""Rewards that are stated, not learnt: rules and tools that say what a completion is worth.

settings     what such rewards share: nothing is trained, what they read is noted among the inputs of the run
judge        a rule as a judge: a number a completion, with its components
references   what completions are held against, by prompt: a file of JSON lines, or demonstrations
lengths      pure functions: limits, targets and the soft punishment of what is too long
patterns     regular expressions in time linear in the text; tags in order
"""
