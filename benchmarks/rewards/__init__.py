"""Rewards on feedback of real people: `python -m benchmarks rewards NAME [--seeds A:B]` writes NAME.json beside it.

Each module has `measure(data, seeds)`; `data` is the folder that ACCORD_TEST_DATA names.
"""
