"""Text to voice: normalise the line, let an engine speak it, turn the engine's voice into the one in the video."""
