"""What plays the rounds of a cell."""
