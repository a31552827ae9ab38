"""The text of the two files people write: a tree with a place for everything, and every mistake at once."""
