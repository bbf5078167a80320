"""Measures what a proxy costs: Linx beside nginx and other gateways, on this machine, in one run.

The rule: a figure is compared with another that was measured within seconds of it, over
several rounds; and CPU time is preferred to wall time, since a busy machine changes wall time
more.
"""
