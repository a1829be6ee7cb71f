"""Pictures of attention: maps over an image, and the sheets and fonts that they take."""
