"""`python -m gateway` is `sekisho`."""

from gateway.cli import main

# Worker processes import this module again under another name: they must not become another `sekisho`.
if __name__ == "__main__":
    main()
