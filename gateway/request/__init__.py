"""One request as values. Every later step decides on these values alone."""
