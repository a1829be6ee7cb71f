"""A forward pass step by step, in the papers' symbols."""
