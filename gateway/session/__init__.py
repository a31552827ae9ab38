"""Step 3, do we know this browser. Start with `session`; the stores are the files with a technology's name."""
