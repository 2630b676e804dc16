"""How well predictions forecast, and how scores compare with other metrics."""
