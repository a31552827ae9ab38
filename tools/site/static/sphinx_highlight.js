/* A query is cut into pairs of characters, and marked pairs would hinder the reader. This file stands in for Sphinx's. */
const SPHINX_HIGHLIGHT_ENABLED = false;
