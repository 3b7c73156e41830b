"""The gossip engine: step (the round of one agent), loop (rounds and agents), channel (sources of messages), tally (the records).

Serial runs, threads, actors and failures are this loop with other data. A lost message is decided by the events that
networks/failures draws, and dropped in unreliable.py. Start reading in step.py.
"""
