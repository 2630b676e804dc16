"""Play-by-play, games, players and the field: tables that every other part reads."""
