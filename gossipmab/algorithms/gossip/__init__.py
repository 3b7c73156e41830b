"""Decentralised algorithms: agents that average what they know with their neighbours."""
