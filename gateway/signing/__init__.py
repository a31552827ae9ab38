"""Beside sign-in: a document signed with the card's signing certificate (preview). Start with `signing`."""
