"""The settings of `gateway.yaml`: values, their bounds, and how they are read from text."""
