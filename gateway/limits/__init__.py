"""So many times for one sign-in identity: what is counted, where, and when it is given back."""
