"""Kernels in C for what stands between a decoder's matrix products: compiled where a compiler is at hand, never needed.

build     finds a compiler, compiles `kernels.c` once for this processor and keeps what comes of it
kernels   the compiled functions, on tensors
"""
