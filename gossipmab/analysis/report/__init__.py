"""The HTML report of a run, one file that needs nothing else.

The tables are made in tables.py and outcomes.py, the figures in parts.py; page.html and page.css put them together. Start
reading in page.py.
"""

from gossipmab.analysis.report.page import write_report as write_report
