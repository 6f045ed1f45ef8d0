"""Samplers that are servers: where they are, what they are sent, what is made of their answers, their weights."""
