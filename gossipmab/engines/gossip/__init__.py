"""The gossip engine: step (the round of one agent), loop (rounds and agents), channel (where messages come from), tally (what is recorded).

Serial runs, threads, actors and failures are this loop with other data. Whether a message is lost is decided in unreliable.py, by the
events that networks/failures draws. Start reading in step.py.
"""
