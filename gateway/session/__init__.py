"""Step 3, do we know this browser: sessions, tickets, how they are sealed and remembered."""
