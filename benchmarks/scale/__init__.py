"""How time and memory grow with what is kept: ledgers of millions of records, runs of many steps, long files.

    python -m benchmarks.scale [--records 100000 300000 1e6 3e6] [--database sqlite postgres] [--only STEP ...]
    python -m benchmarks.scale table

Every measurement is a process of its own, one at a time. `scale.json` holds what was measured and is gone on with where
it was broken off; the table in docs/benchmarks.md is made of it.
"""

__all__: list[str] = []
