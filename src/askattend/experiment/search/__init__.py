"""``askattend train … --search``: which settings are best, found within a budget of time."""
