"""Video in and out, as the rest of the program uses it; each idea has its own module below."""

from synclips.media.frame_index import frame_times, frames_in_order
from synclips.media.image import is_image, read_image
from synclips.media.video_encode import Codec
from synclips.media.video_read import TimedFrame, VideoInfo, probe, read_at_rate, read_frames
from synclips.media.video_write import VideoWriter

__all__ = [
    "Codec",
    "TimedFrame",
    "VideoInfo",
    "VideoWriter",
    "frame_times",
    "frames_in_order",
    "is_image",
    "probe",
    "read_at_rate",
    "read_frames",
    "read_image",
]
