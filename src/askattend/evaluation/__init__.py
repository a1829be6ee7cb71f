"""Evaluation of a trained network on a split: one pass, and a file a figure."""
