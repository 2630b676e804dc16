"""From source files of tracking to checked, canonical plays."""
