"""The report of a run: one HTML file that needs nothing else."""

from gossipmab.analysis.report.page import write_report as write_report
