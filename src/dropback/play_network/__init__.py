"""The play network's view of a tracked play: columns a frame, and plays as a network takes them."""
