"""Bridges to tools that people already use: import the one that is needed, such as `gossipmab.bridges.pettingzoo`."""
