"""Comparators of texts: do two say the same, and does one state a fact that is not in the other?

words  sentences     what edits exchange; texts as sentences
harmless  harmful    pure edits that leave what a text says as it was, or do not        edits   all of them, by kind
pairs                texts and their edits as pairs of which the truth is known
alignment            a head over the tokens of two texts
comparing            encoder and head as a comparator; the cosine of two vectors as one
fitting              one step of training                                      judge    a comparator as a judge
"""
