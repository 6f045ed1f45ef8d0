"""`python -m accord.lab.fault_matrix FOLDER A:B` prints the error rates of all checks, from the cells of those seeds.

They are the cells that `accord lab run faults --seeds A:B --out FOLDER` left, worked out by the code that is there now.
What is printed belongs in `audit/error_rates.json`.
"""

import sys
from pathlib import Path

from accord.errors import RecipeError
from accord.lab.cell_runner import read_cells
from accord.lab.fault_matrix import FAULT_MATRIX
from accord.lab.fault_matrix.error_rates import measured_rates
from accord.lab.reproduce import read_seeds


def main(folder: str, seeds: str) -> str:
    """The rates as JSON. Raises `RecipeError` where a cell of one of these seeds is not there, by the code of today."""
    matrix = FAULT_MATRIX.on_seeds(read_seeds(seeds))
    cells, wanted = read_cells(matrix, Path(folder), short=False), len(matrix.cells(False))
    if len(cells) < wanted:
        raise RecipeError(f"{folder}: {len(cells)} of {wanted} cells are there; run `accord lab run faults` to its end")
    return measured_rates(cells).model_dump_json(indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]))
