"""Step 6, the application behind: connections to it, and bodies both ways. Start with `upstream`."""
