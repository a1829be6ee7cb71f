"""How good a trained network is on a split: one pass, and a file a figure."""
