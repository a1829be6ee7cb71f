"""Images as grids of region features, made once by a frozen backbone and stored."""
