"""Backbones of the model hub: loading them, and trying which region each output describes."""
