"""A client of a service, with the predictor's own methods; written in a moment."""
