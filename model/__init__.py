"""The networks, and what belongs to a checkpoint: its description, mean, standard deviation and labels.

Layer rule: `model` imports none of our other packages, so training and serving share one definition of each network.
"""
