"""Compute the arrays that a network reads from canonical plays."""
