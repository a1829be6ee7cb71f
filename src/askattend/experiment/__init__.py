"""The work of a command: train a network, evaluate a run, and the inputs of both."""
