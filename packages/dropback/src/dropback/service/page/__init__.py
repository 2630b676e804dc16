"""The page, and what is answered for it alone: plays and passers as a fan asks, and pictures."""
