"""Video in and out, as the rest of the program uses it; each idea has its own module below."""

from synclips.media.video_read import TimedFrame, VideoInfo, probe, read_at_rate, read_frames

__all__ = ["TimedFrame", "VideoInfo", "probe", "read_at_rate", "read_frames"]
