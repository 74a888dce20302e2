"""The precision that networks compute in follows what the hardware can do."""

import pytest
import torch

from synclips.runtime import autocast, choose_precision


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True, "avx512_f": True}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True, "avx512_vnni": True}, "fp32"),
        ({"avx2": True, "fma3": True}, "fp32"),
        ({"architecture": "aarch64"}, "fp32"),
    ],
)
def test_a_processor_with_bf16_units_computes_in_bf16_and_any_other_in_fp32(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision(torch.device("cpu")) == precision
    with autocast(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_computes_in_bf16_where_it_has_units_for_it(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert choose_precision(torch.device("cuda")) == ("bf16" if native else "fp32")


def test_a_precision_that_is_asked_for_is_taken_whatever_the_processor() -> None:
    assert choose_precision(torch.device("cpu"), "bf16") == "bf16"
    assert choose_precision(torch.device("cpu"), "fp32") == "fp32"
