"""The report of an evaluation: a page that stands alone."""
