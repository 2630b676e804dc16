"""Read play-by-play, games and ratings, and select the plays that every other folder works on."""
