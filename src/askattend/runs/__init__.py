"""The run folder of a trained network, and answering with it."""
