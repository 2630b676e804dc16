"""Read source files of tracking into checked, canonical plays."""
