"""What somebody with a GPU runs: does accord give the model's own numbers there, and how fast is it?"""
