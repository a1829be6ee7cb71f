"""What a command does: train a network, evaluate a run, and the inputs of both."""
