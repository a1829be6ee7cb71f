"""Questions and features as batches of tensors, on the device that computes with them."""
