"""Paraphrases: does learning from demonstrations punish other wordings of what is right, and do overlaps with a
reference tell right from wrong?

An enumerated world where every meaning has eight wordings: supervised fine-tuning on a reference, preferences and RL
for the meaning, stopped where they are right equally often. And sentences with synonyms: BLEU and ROUGE against a
reward that people's preferences taught.
"""

from accord.lab.cell import CellResult
from accord.lab.paraphrase.cells import cells, work
from accord.lab.paraphrase.figure import figure
from accord.lab.paraphrase.points import Point
from accord.lab.paraphrase.report import conclude, table
from accord.lab.reproduce import Reproduction

__all__ = ["PARAPHRASE"]

PARAPHRASE = Reproduction(
    name="paraphrase",
    question="Does learning from references punish other wordings of what is right, and do BLEU and ROUGE?",
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
