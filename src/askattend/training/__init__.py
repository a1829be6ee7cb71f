"""The training loop, one step of it, and its history."""
