"""The web app that asks people: pages for evaluators, pages for whoever runs the study."""
