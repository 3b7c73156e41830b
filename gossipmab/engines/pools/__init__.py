"""Pools that play cells in parallel: threads of this process, or Ray tasks.

They never change a result, only its time. Start with `threads.py`; `ray_tasks.py` adds retries, and `ray_session.py` starts and
stops Ray.
"""
