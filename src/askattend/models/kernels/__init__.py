"""How networks compute: each file opens with its reference, then quick ways, then the choice."""
