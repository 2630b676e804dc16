"""Rows to arrays: what a network may know of a play, and nothing that happens after."""
