"""Distributions, networks and scoring rules for heavy-tailed targets."""
