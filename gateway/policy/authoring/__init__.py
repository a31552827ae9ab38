"""Tools for policy authors: checks, examples, explanations, plain sentences, tables."""
