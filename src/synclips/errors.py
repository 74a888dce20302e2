"""Every error SyncLips raises on purpose, as one tree.

    SyncLipsError
    ├── InputError           what the user gave cannot be used
    │   ├── MediaError         a video, picture or sound file: missing, damaged, or without what is needed
    │   ├── NoFaceError        no usable face in the video
    │   ├── TextError          the line to be spoken
    │   └── ConfigError        a configuration file, preset or option
    ├── OutputError          the result cannot be written: exists already, read-only, disk full
    ├── DataError            the corpus or what was made of it
    │   ├── DownloadError      a transfer failed for good, or delivered the wrong bytes
    │   └── ShardError         a shard or its manifest is missing or damaged
    ├── CheckpointError      a model file is missing, damaged, or of another architecture
    └── BackendError         a synthesizer or converter is not available on this machine

A message is one line and says what is wrong, where, and what to do about it. The command line prints it and
exits with status 1 (2 for wrong usage); the HTTP server maps the same classes to status codes.
"""


class SyncLipsError(Exception):
    """Base of the tree; never raised itself."""


class InputError(SyncLipsError):
    """What the user gave cannot be used."""


class MediaError(InputError):
    """A video, picture or sound file is missing, damaged, or lacks what is needed."""


class NoFaceError(InputError):
    """No usable face was found."""


class TextError(InputError):
    """The line to be spoken cannot be spoken."""


class ConfigError(InputError):
    """A configuration file, preset or option is wrong."""


class OutputError(SyncLipsError):
    """The result cannot be written."""


class DataError(SyncLipsError):
    """The corpus, or what was made of it, cannot be used."""


class DownloadError(DataError):
    """A transfer failed for good, or delivered the wrong bytes."""


class ShardError(DataError):
    """A shard or its manifest is missing or damaged."""


class CheckpointError(SyncLipsError):
    """A model file is missing, damaged, or of another architecture."""


class BackendError(SyncLipsError):
    """A synthesizer or voice converter is not available on this machine."""
