"""The first hour: from a few answers to the files of a gateway that starts."""
