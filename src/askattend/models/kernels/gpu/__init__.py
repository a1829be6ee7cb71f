"""Triton kernels, the quick ways on a GPU; each beside the reference of its file one floor up.

Imported only where `choice.triton_runs`. Sizes here depend on no data, so that CUDA graphs can hold
them, and sums are made in an order that is always the same.
"""
