"""Beside step 3, who is it: a sign-in from its beginning to a session. Start with `sign_in`, then `login`."""
