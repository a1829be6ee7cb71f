"""Quick ways on a processor: kernels in C, where a compiler is there for them, and memory.

Each kernel is beside the reference of its file one floor up, and another way needs no compiler.
Called only where `choice.native_runs`.
"""
