"""Plans for work that takes more than one machine: how long, how much, and what limits it."""
