"""How the gateway starts, reloads and ends."""
