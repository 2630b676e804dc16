"""The older passing metrics, from play-by-play, by the formulas of their publishers."""
