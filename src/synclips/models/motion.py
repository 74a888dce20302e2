"""From sound to the motion of the lower face: audio encoder, cross-attention to the person's own mouths, motion head.

Motion is the displacement of the lower face's mesh points from the person's face at rest, in the canonical frame, as
principal components of the training speakers' displacements (a linear model as in Blanz and Vetter, "A morphable model
for the synthesis of 3D faces", 1999, of speech motion only). Mean, basis and spread are buffers of the model.

`AudioEncoder` turns MFCC, and the states of a speech encoder, at 100 Hz into one embedding a frame at 25 Hz;
`CrossAttention` lets each of them attend to a bank of the person's mouths (embeddings of the SyncNet's video encoder
beside their motion components).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from synclips.config import AudioEncoderConfig, ModelConfig
from synclips.models.speech_encoder import WIDTH
from synclips.models.syncnet import VideoEncoder, stack_frames


class MotionModel(nn.Module):
    """Sound features and a mouth bank in, motion components of every frame out."""

    mean: Tensor
    basis: Tensor
    spread: Tensor

    def __init__(self, features: int, points: int, config: ModelConfig) -> None:
        super().__init__()
        dim, motion = config.audio.dim, config.motion
        self.bank_share = motion.bank_share
        self.audio_encoder = AudioEncoder(features, config.audio)
        self.video_encoder = VideoEncoder(config.syncnet)
        self.bank_projection = nn.Linear(config.syncnet.dim + motion.components, dim)
        self.cross_attention = nn.ModuleList(
            CrossAttention(dim, motion.heads, config.audio.dropout) for _ in range(motion.blocks)
        )
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, motion.components))
        self.register_buffer("mean", torch.zeros(points, 3))
        self.register_buffer("basis", torch.zeros(motion.components, points, 3))
        self.register_buffer("spread", torch.ones(motion.components))

    def set_basis(self, mean: Float[Tensor, "m 3"], basis: Float[Tensor, "k m 3"], spread: Float[Tensor, " k"]) -> None:
        """Set mean displacement, components (orthonormal) and their standard deviations; see `fit_basis`."""
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        self.spread.copy_(spread)

    def forward(
        self,
        features: Float[Tensor, "b steps f"],
        bank: Float[Tensor, "b n v"],
        shapes: Float[Tensor, "b n k"],
        present: Bool[Tensor, "b n"],
    ) -> tuple[Float[Tensor, "b t k"], Float[Tensor, "b t d"]]:
        """Components in units of their spread, and the embeddings that they were predicted from.

        `bank` holds the video encoder's embeddings of the person's mouths and `shapes` their components. In training a
        share of `bank_share` of the windows sees the bank; afterwards the predictions with and without it are averaged
        with that weight, since a bank that was trained on few speakers is not to be relied on alone.
        """
        if self.training:
            x, mouths = self.audio_encoder(features), self._mouths(bank, shapes)
            present = present & (torch.rand(len(present), 1, device=present.device) < self.bank_share)
            x = self._attend(x, mouths, present)
            return self.head(x), x
        inputs, embeddings = self.last_inputs(features, bank, shapes, present)
        return self.last(inputs), embeddings

    @property
    def last(self) -> nn.Linear:
        """The head's last layer, which makes components."""
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        return last

    def last_inputs(
        self,
        features: Float[Tensor, "b steps f"],
        bank: Float[Tensor, "b n v"],
        shapes: Float[Tensor, "b n k"],
        present: Bool[Tensor, "b n"],
    ) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t d"]]:
        """Outside training: what the last layer makes components of (`forward`'s are `last` of these), and the
        embeddings."""
        x, mouths = self.audio_encoder(features), self._mouths(bank, shapes)
        alone, informed = self._attend(x, mouths, torch.zeros_like(present)), self._attend(x, mouths, present)
        inputs = torch.lerp(self.head[:-1](alone), self.head[:-1](informed), self.bank_share)
        return inputs, torch.lerp(alone, informed, self.bank_share)

    def _mouths(self, bank: Float[Tensor, "b n v"], shapes: Float[Tensor, "b n k"]) -> Float[Tensor, "b n d"]:
        mouths: Tensor = self.bank_projection(torch.cat([bank, shapes], dim=-1))
        return mouths

    def _attend(
        self, x: Float[Tensor, "b t d"], mouths: Float[Tensor, "b n d"], present: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b t d"]:
        for block in self.cross_attention:
            x = block(x, mouths, present)
        return x

    def embed_mouths(self, mouths: Float[Tensor, "n 5 48 96 3"]) -> Float[Tensor, "n v"]:
        """The video encoder's embeddings of five-frame windows of mouth crops, RGB in [-1, 1]; a bank holds these."""
        return self.video_encoder(stack_frames(mouths)).float()

    def displacement(self, components: Float[Tensor, "*b k"]) -> Float[Tensor, "*b m 3"]:
        """Components to the points' offsets from rest, in canonical units."""
        return torch.einsum("...k,kmc->...mc", components.float() * self.spread, self.basis) + self.mean

    def components(self, displacement: Float[Tensor, "*b m 3"]) -> Float[Tensor, "*b k"]:
        """The least-squares components of a displacement: the inverse of `displacement` on its span."""
        return torch.einsum("...mc,kmc->...k", displacement - self.mean, self.basis) / self.spread


class AudioEncoder(nn.Module):
    """Two strided convolutions take 100 Hz to 25 Hz; a transformer whose attention is windowed gives context.

    Where `config.speech_layers` says so, the last `WIDTH` of the features are a speech encoder's states; they are
    reduced before they join the MFCC.

    Each layer attends to `reach` frames on either side, so the encoder can run over long sound in overlapping chunks.
    """

    def __init__(self, features: int, config: AudioEncoderConfig) -> None:
        super().__init__()
        dim, heard = config.dim, features
        self.reach = config.reach
        self.reduce: nn.Module | None = None
        if config.speech_layers:
            heard = features - WIDTH + config.speech_width
            self.reduce = nn.Sequential(nn.Conv1d(WIDTH, config.speech_width, 1), nn.Dropout(config.dropout))
        self.stem = nn.Sequential(
            nn.Conv1d(heard, dim, 5, stride=2, padding=2),
            nn.GELU(),
            nn.ConstantPad1d((1, 2), 0.0),  # centred on the middle of a frame's four steps
            nn.Conv1d(dim, dim, 5, stride=2),
            nn.GELU(),
            nn.Conv1d(dim, dim, 3, padding=1),
        )
        self.position = nn.Conv1d(dim, dim, 15, padding=7, groups=dim)
        layer = nn.TransformerEncoderLayer(
            dim, config.heads, config.feedforward, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Float[Tensor, "b steps f"]) -> Float[Tensor, "b frames d"]:
        """Four steps make a frame: `steps` must be a multiple of 4."""
        x = features.transpose(1, 2)
        if self.reduce is not None:
            x = torch.cat([x[:, :-WIDTH], self.reduce(x[:, -WIDTH:])], dim=1)
        x = self.stem(x)
        x = (x + self.position(x)).transpose(1, 2)
        index = torch.arange(x.shape[1], device=x.device)
        far = (index[:, None] - index[None]).abs() > self.reach
        return self.norm(self.transformer(x, mask=far))


class CrossAttention(nn.Module):
    """One pre-norm transformer block whose keys are the bank and one learned token, so that the bank may be empty."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1, 1, dim))
        self.query_norm, self.key_norm, self.out_norm = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.feedforward = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )

    def forward(
        self, audio: Float[Tensor, "b t d"], bank: Float[Tensor, "b n d"], present: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b t d"]:
        """Audio embeddings with what they found in the bank; `present` is false for empty places of the bank."""
        keys = torch.cat([self.nothing.expand(len(bank), -1, -1), self.key_norm(bank)], dim=1)
        missing = torch.cat([torch.zeros_like(present[:, :1]), ~present], dim=1)
        audio = audio + self._attend(self.query_norm(audio), keys, missing)
        return audio + self.feedforward(self.out_norm(audio))

    def _attend(
        self, query: Float[Tensor, "b t d"], keys: Float[Tensor, "b m d"], missing: Bool[Tensor, "b m"]
    ) -> Float[Tensor, "b t d"]:
        """As `self.attention` does; that checks its mask by torch's symbolic shapes, which take a second to import."""
        attention = self.attention
        weights, biases = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, bias).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
            for x, weight, bias in zip((query, keys, keys), weights, biases, strict=True)
        )
        dropout = attention.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=~missing[:, None, None], dropout_p=dropout)
        projected: Tensor = attention.out_proj(found.transpose(1, 2).flatten(2))
        return projected


def fit_basis(
    displacements: Float[Tensor, "n m 3"], components: int
) -> tuple[Float[Tensor, "m 3"], Float[Tensor, "k m 3"], Float[Tensor, " k"]]:
    """Mean, principal components and standard deviations of a population's displacements.

    Of a sample smaller than `components` the last ones have the least spread and an arbitrary direction.
    """
    mean = displacements.mean(dim=0)
    flat = (displacements - mean).flatten(1)
    values, vectors = torch.linalg.eigh(flat.T.double() @ flat.double() / len(flat))
    basis = vectors.flip(1)[:, :components].T.float().contiguous()
    spread = values.flip(0)[:components].clamp_min(0).sqrt().float().clamp_min(1e-3)
    return mean, basis.unflatten(1, displacements.shape[1:]), spread
