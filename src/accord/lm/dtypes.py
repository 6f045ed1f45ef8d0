"""What numbers the weights of a model are kept in."""

from typing import Literal

__all__ = ["DType"]

DType = Literal["float32", "bfloat16"]
