"""The author's five modules, layer for layer as printed, and the connections between them.

Printed: AudioEncoder (Linear 13 -> 128, four transformer encoder layers, d 128, feed-forward 512, dropout .1),
VideoEncoder (Conv3d 3 -> 64 -> 128 -> 128, 3 x 3 x 3, padding 1, ReLU, MaxPool3d 2), CrossAttention (two projections
128 -> 128, multi-head attention), Generator (Linear 128 -> 32768, two transposed convolutions, Tanh), Discriminator
(two convolutions, Linear 8192 -> 1).

Added: pictures are 32 x 32 (what Linear 32768 = 512 x 8 x 8 and two doublings give), a video window is eight frames
(three poolings leave one), 13 MFCC at 100 Hz are averaged to the frame rate after the audio encoder, and attention
takes its queries from the sound and its keys from the 4 x 4 positions of the person's reference window.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

N_MFCC = 13
DIM = 128
SIZE = 32
WINDOW = 8
"""Frames under one video embedding."""


class AudioEncoder(nn.Module):
    """MFCC to one embedding a step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(N_MFCC, DIM)
        layer = nn.TransformerEncoderLayer(d_model=DIM, nhead=4, dim_feedforward=512, dropout=0.1, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, num_layers=4)

    def forward(self, mfcc: Float[Tensor, "b steps 13"]) -> Float[Tensor, "b steps 128"]:
        """One embedding a step; attention covers the whole window."""
        return self.transformer(self.embedding(mfcc))


class VideoEncoder(nn.Module):
    """Pictures to features on a grid of an eighth of their length, height and width."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, kernel_size=3, padding=1)
        self.conv2 = nn.Conv3d(64, 128, kernel_size=3, padding=1)
        self.conv3 = nn.Conv3d(128, 128, kernel_size=3, padding=1)
        self.pool = nn.MaxPool3d(2)
        self.relu = nn.ReLU()

    def forward(self, pictures: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 128 t8 h8 w8"]:
        """RGB in [-1, 1]."""
        x = self.pool(self.relu(self.conv1(pictures)))
        x = self.pool(self.relu(self.conv2(x)))
        # full precision: the weight gradient of oneDNN 3.x's bf16 convolution of two frames reads memory never written
        with torch.autocast(x.device.type, enabled=False):
            return self.pool(self.relu(self.conv3(x.float())))


class CrossAttention(nn.Module):
    """Multi-head attention: queries from the sound, keys and values from the video."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(DIM, DIM)
        self.video_proj = nn.Linear(DIM, DIM)
        self.attention = nn.MultiheadAttention(embed_dim=DIM, num_heads=4, batch_first=True)

    def forward(self, audio: Float[Tensor, "b n 128"], video: Float[Tensor, "b m 128"]) -> Float[Tensor, "b n 128"]:
        """The attended video features of each audio embedding."""
        keys = self.video_proj(video)
        return self.attention(self.audio_proj(audio), keys, keys, need_weights=False)[0]


class Generator(nn.Module):
    """An embedding to a 32 x 32 picture in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(DIM, 512 * 8 * 8)
        self.deconv1 = nn.ConvTranspose2d(512, 256, kernel_size=4, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(256, 3, kernel_size=4, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.tanh = nn.Tanh()

    def forward(self, x: Float[Tensor, "b 128"]) -> Float[Tensor, "b 3 32 32"]:
        """One picture an embedding."""
        x = self.relu(self.fc(x)).view(-1, 512, 8, 8)
        return self.tanh(self.deconv2(self.relu(self.deconv1(x))))


class Discriminator(nn.Module):
    """A 32 x 32 picture to one logit, positive for real."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(64, 128, kernel_size=4, stride=2, padding=1)
        self.fc = nn.Linear(128 * 8 * 8, 1)
        self.leaky_relu = nn.LeakyReLU(0.2)

    def forward(self, x: Float[Tensor, "b 3 32 32"]) -> Float[Tensor, "b 1"]:
        """Logits."""
        x = self.leaky_relu(self.conv2(self.leaky_relu(self.conv1(x))))
        return self.fc(x.flatten(1))


class BlueprintEncoders(nn.Module):
    """Stage 1 of the blueprint preset: its audio and video encoders trained contrastively."""

    window = WINDOW

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder()
        self.video_encoder = VideoEncoder()
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def pairs(
        self, pictures: Float[Tensor, "c m t h w 3"], features: Float[Tensor, "c steps f"], index: Tensor
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """As `BaseEncoders.pairs`, with one pair."""
        video = self.video_encoder(pictures.flatten(0, 1).permute(0, 4, 1, 2, 3)).mean(dim=(2, 3, 4))
        tokens = frame_tokens(self.audio_encoder, features)
        padded = F.pad(tokens.transpose(1, 2), (WINDOW // 2, WINDOW // 2), mode="replicate").transpose(1, 2)
        at = index[..., None] + torch.arange(WINDOW, device=index.device)
        picked = padded.gather(1, at.flatten(1)[..., None].expand(-1, -1, DIM)).unflatten(1, at.shape[1:])
        audio = picked.mean(dim=2).flatten(0, 1)
        return [(F.normalize(video.float(), dim=-1), F.normalize(audio.float(), dim=-1), self.log_scale)]


class BlueprintModel(nn.Module):
    """The whole of the blueprint preset: sound and a reference window of the person to their mouth's pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder()
        self.video_encoder = VideoEncoder()
        self.cross_attention = CrossAttention()
        self.generator = Generator()

    def forward(
        self,
        features: Float[Tensor, "b steps f"],
        reference: Float[Tensor, "b 8 32 32 3"],
        frames: Int[Tensor, "b k"] | None = None,
    ) -> Float[Tensor, "b n 3 32 32"]:
        """A picture in [-1, 1] for every four steps, or of `frames` only, and only those are then painted.

        Features beyond the 13 MFCC are not used.
        """
        audio = frame_tokens(self.audio_encoder, features)
        video = self.video_encoder(reference.permute(0, 4, 1, 2, 3)).flatten(2).transpose(1, 2)
        answer = audio + self.cross_attention(audio, video)
        if frames is not None:
            answer = answer.gather(1, frames[..., None].expand(-1, -1, DIM))
        return self.generator(answer.flatten(0, 1)).unflatten(0, answer.shape[:2])


def frame_tokens(encoder: AudioEncoder, features: Float[Tensor, "b steps f"]) -> Float[Tensor, "b frames 128"]:
    """Audio embeddings at the frame rate: the mean of each frame's four steps."""
    return encoder(features[..., :N_MFCC]).unflatten(1, (-1, 4)).mean(dim=2)
