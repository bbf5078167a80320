"""What a proxy costs: Linx beside nginx and other gateways, on this machine, in one run.

The rule: a figure is a ratio of two things measured within seconds of each other, over
several rounds, and CPU time before wall time, since a busy machine bends only the latter.
"""
