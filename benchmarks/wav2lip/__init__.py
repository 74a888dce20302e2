"""A generator of Wav2Lip's architecture, trained here on our data, as a baseline for the evaluation's table."""
