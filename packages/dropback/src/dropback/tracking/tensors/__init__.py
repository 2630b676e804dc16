"""From canonical plays to the arrays that a network reads."""
