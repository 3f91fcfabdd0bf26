"""`make report`: what the shipped weights are worth, measured through the full pipeline and written down.

conditions, strokes, paper, pictures   a test digit -> a picture file as people send one
nondigits, fonts, scribbles            pictures that show no digit
measure                                picture files -> core.image -> network -> calibrated probabilities
statistics, figures, targets           probabilities -> docs/report.json, and what must be reached
plots, galleries, style                docs/*.png
card, tables                           MODEL_CARD.md
sources                                how the weights were trained, and the time a digit
make                                   all of it, in this order
"""

from training.report.make import ReportJob, make_report

__all__ = ["ReportJob", "make_report"]
