"""Engines play trials: gossip/ (one loop for all gossip engines), central.py, assignment.py, pools/ (side by side), actors/, gpu/.

All engines give the same bits. What is drawn, in which order sums are taken and what is recorded may be changed in one place only.
Start reading in gossip/step.py, then gossip/loop.py.
"""
