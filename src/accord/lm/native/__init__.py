"""Kernels in C for what stands between a model's matrix products: compiled where a compiler is at hand, never needed.

build     finds a compiler, compiles a library once for this processor and keeps what comes of it
kernels   the functions of `kernels.c`, which a decoder takes, on tensors
layers    those of `layers.c`, with gradients: what layers do when they read and learn, and log-probabilities
proven    those of the layers, where they are right
"""
