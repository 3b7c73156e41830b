"""Base graphs as arrays: from generators, from files, and what is refused before anything is built."""
