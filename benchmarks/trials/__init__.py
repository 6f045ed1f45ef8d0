"""Libraries that could write in place of accord's own decoder, each beside it on one step: are they as fast?"""
