"""Stage 1's networks: encoders of sound and of lips into one space, trained without a generator."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import ModelConfig
from synclips.models.blueprint import BlueprintEncoders
from synclips.models.motion import AudioEncoder
from synclips.models.speech_encoder import WIDTH
from synclips.models.syncnet import FRAMES, STEPS, SyncNet, stack_frames

Pair = tuple[Float[Tensor, "n d"], Float[Tensor, "n d"], Float[Tensor, ""]]
"""Unit vectors of lips and of sound, one moment a row, and the logarithm of their inverse temperature."""


class BaseEncoders(nn.Module):
    """SyncNet, and the generator's audio encoder trained to match the SyncNet's lip embeddings."""

    window = FRAMES
    """Frames of picture that one embedding sees."""

    def __init__(self, features: int, config: ModelConfig) -> None:
        super().__init__()
        speech = WIDTH if config.audio.speech_layers else 0
        self.syncnet = SyncNet(features - speech, config.syncnet)
        self.audio_encoder = AudioEncoder(features, config.audio)
        self.projection = nn.Linear(config.audio.dim, config.syncnet.dim)

    def pairs(
        self, pictures: Float[Tensor, "c m t h w 3"], features: Float[Tensor, "c steps f"], index: Tensor
    ) -> list[Pair]:
        """Embed `m` moments in each of `c` clips: SyncNet's pair, and the generator's audio encoder with the same lips.

        `index` (c, m): the frame at the middle of each window, in the features' time; an even window's middle is the
        first frame of its later half.
        """
        video = self.syncnet.embed_video(stack_frames(pictures.flatten(0, 1)))
        steps = sound_windows(features, index)
        near = self.syncnet.embed_audio(steps.flatten(0, 1))
        tokens = self.audio_encoder(features)
        chosen = tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))
        wide = F.normalize(self.projection(chosen.flatten(0, 1)).float(), dim=-1)
        return [(video, near, self.syncnet.log_scale), (video, wide, self.syncnet.log_scale)]


def build_encoders(features: int, config: ModelConfig) -> "BaseEncoders | BlueprintEncoders":
    """The encoders of a preset."""
    return BaseEncoders(features, config) if config.preset == "base" else BlueprintEncoders()


def sound_windows(features: Float[Tensor, "c steps f"], index: Tensor) -> Float[Tensor, "c m 20 f"]:
    """The 20 steps under the five frames around each frame of `index` (c, m); the ends repeat."""
    start = 4 * index - (STEPS - 4) // 2
    at = (start[..., None] + torch.arange(STEPS, device=index.device)).clamp(0, features.shape[1] - 1)
    picked = features.gather(1, at.flatten(1)[..., None].expand(-1, -1, features.shape[2]))
    return picked.unflatten(1, at.shape[1:])
