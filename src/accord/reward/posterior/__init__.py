"""What a learnt reward does not know, and whether it is as sure as it should be.

laplace  fitted   a normal posterior of the head by the curvature of the likelihood; that of a fitted model
settings          where the standard deviation of scores comes from
calibration       stated probabilities against outcomes; members against people
"""
