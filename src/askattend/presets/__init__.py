"""Settings that come with the package; each is named by its file."""
