"""Verdicts that are ready: programs of accord's own that hold completions against a reference of the item.

unit_tests   code runs against tests, in the sandbox       marks    a completion's score, and the words for it
arithmetic   the final number against a stated one         numbers  numbers as people write them
json_schema  JSON against a schema                         fences   code and JSON between Markdown fences
exact_match  a text against references, but for case, punctuation, articles and spaces
"""
