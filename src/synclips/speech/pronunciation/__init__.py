"""English text to phonemes, without any program beside: a dictionary, its rules, and a network for unknown words."""
