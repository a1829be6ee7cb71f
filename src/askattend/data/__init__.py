"""Questions, answers and images: the readers, the splits and the vocabularies."""
