"""What a learnt reward does not know, and whether it is as sure as it should be.

laplace       a normal posterior of the head, by the curvature of the likelihood at the fitted point
"""
