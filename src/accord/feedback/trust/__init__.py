"""How far answers are trusted, and what they weigh in training.

standing           careless, of another view, or ordinary: two-sided tests
from_votes         by what all the others voted on the same items
from_controls      by control questions
weights            what an answer weighs
dataset_weights    the weights of a data set's pairs and examples
"""
