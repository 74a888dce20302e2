"""The author's five modules, layer for layer as printed."""

import torch

from synclips.models import blueprint


def shapes(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.named_parameters() if "transformer" not in name}


def test_audio_encoder() -> None:
    encoder = blueprint.AudioEncoder()
    assert shapes(encoder) == {"embedding.weight": (128, 13), "embedding.bias": (128,)}
    assert len(encoder.transformer.layers) == 4
    for layer in encoder.transformer.layers:
        assert layer.linear1.weight.shape == (512, 128)
        assert layer.linear2.weight.shape == (128, 512)
        assert layer.self_attn.embed_dim == 128
        assert layer.dropout.p == 0.1


def test_video_encoder() -> None:
    encoder = blueprint.VideoEncoder()
    assert {n: s for n, s in shapes(encoder).items() if n.endswith("weight")} == {
        "conv1.weight": (64, 3, 3, 3, 3),
        "conv2.weight": (128, 64, 3, 3, 3),
        "conv3.weight": (128, 128, 3, 3, 3),
    }
    assert repr(encoder.pool).startswith("MaxPool3d(kernel_size=2, stride=2")
    assert all(c.padding == (1, 1, 1) for c in (encoder.conv1, encoder.conv2, encoder.conv3))
    assert encoder(torch.zeros(1, 3, 8, 32, 32)).shape == (1, 128, 1, 4, 4)


def test_cross_attention() -> None:
    attention = blueprint.CrossAttention()
    assert attention.audio_proj.weight.shape == attention.video_proj.weight.shape == (128, 128)
    assert isinstance(attention.attention, torch.nn.MultiheadAttention)


def test_generator() -> None:
    generator = blueprint.Generator()
    assert generator.fc.weight.shape == (32768, 128)
    assert repr(generator.deconv1) == "ConvTranspose2d(512, 256, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"
    assert repr(generator.deconv2) == "ConvTranspose2d(256, 3, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"
    assert generator(torch.randn(2, 128)).abs().max() <= 1


def test_discriminator() -> None:
    discriminator = blueprint.Discriminator()
    assert repr(discriminator.conv1) == "Conv2d(3, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"
    assert repr(discriminator.conv2) == "Conv2d(64, 128, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"
    assert discriminator.fc.weight.shape == (1, 8192)
    assert discriminator.leaky_relu.negative_slope == 0.2
    assert discriminator(torch.zeros(2, 3, 32, 32)).shape == (2, 1)


def test_the_whole_paints_one_picture_a_frame_and_listens() -> None:
    torch.manual_seed(0)
    model = blueprint.BlueprintModel().eval()
    reference = torch.zeros(1, 8, 32, 32, 3)
    quiet, loud = torch.zeros(1, 40, 39), torch.randn(1, 40, 39)
    assert model(quiet, reference).shape == (1, 10, 3, 32, 32)
    assert not torch.allclose(model(quiet, reference), model(loud, reference))


def test_chosen_frames_are_painted_as_among_all() -> None:
    torch.manual_seed(0)
    model = blueprint.BlueprintModel().eval()
    features, reference = torch.randn(2, 40, 39), torch.rand(2, 8, 32, 32, 3)
    frames = torch.tensor([[3, 3, 9], [0, 5, 1]])
    whole = model(features, reference)
    chosen = torch.stack([whole[i, row] for i, row in enumerate(frames)])
    torch.testing.assert_close(model(features, reference, frames), chosen)


def test_gradients_in_bf16_are_not_taken_from_memory_never_written() -> None:
    torch.manual_seed(0)
    encoder, pictures = blueprint.VideoEncoder(), torch.rand(4, 3, 8, 32, 32)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            features = encoder(pictures)
        del features  # its memory and this are what the next backward pass finds
        stale = [torch.full((size,), torch.nan) for size in (1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 22)]
        with torch.autocast("cpu", torch.bfloat16):
            features = encoder(pictures)
        del stale
        features.float().square().mean().backward()
        assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)
