"""Generated images and balanced questions about them, in whole numbers alone."""
