"""Tiny models of transformers', untrained, saved as save_pretrained saves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

WORDS = [
    *("what", "colour", "is", "it", "?", "red", "green", "blue", "yes", "no", "user", ":"),
    *("assistant", "question", "short", "answer"),
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<image>", "<s>", "</s>"]
ANSWERS = ("red", "green", "blue", "yes", "no")
SIDE = 32
TURNS = (
    "{% for m in messages %}{{ m['role'] }} : {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image> {% else %}{{ c['text'] }} {% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"
)


def transformers() -> Any:
    return pytest.importorskip("transformers")


def tokenizer(**more: Any) -> Any:
    """A tokenizer of a few words, that begins and ends a text as BERT's does."""
    made = pytest.importorskip("tokenizers")
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    model = made.Tokenizer(made.models.WordLevel(vocabulary, unk_token="[UNK]"))
    model.normalizer = made.normalizers.BertNormalizer(lowercase=True)
    model.pre_tokenizer = made.pre_tokenizers.WhitespaceSplit()
    model.add_special_tokens(SPECIAL)
    model.post_processor = made.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    # Before 5, processors took tokenizers of the very class that they name.
    kind = "BertTokenizerFast" if transformers().__version__ < "5" else "PreTrainedTokenizerFast"
    return getattr(transformers(), kind)(
        tokenizer_object=model, model_max_length=24, **names, **more
    )


def _class(*names: str) -> Any:
    """The first class of these names: of pictures, those without torchvision."""
    module = transformers()
    return next(getattr(module, name) for name in names if hasattr(module, name))


def save_vilt(folder: Path) -> Path:
    module = transformers()
    torch.manual_seed(0)
    config = module.ViltConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=24,
        image_size=SIDE,
        patch_size=16,
        id2label=dict(enumerate(ANSWERS)),
        label2id={answer: number for number, answer in enumerate(ANSWERS)},
    )
    module.ViltForQuestionAnswering(config).eval().save_pretrained(folder)
    pictures = _class("ViltImageProcessorPil", "ViltImageProcessor")
    processor = module.ViltProcessor(
        pictures(size={"shortest_edge": SIDE}, size_divisor=16), tokenizer()
    )
    processor.save_pretrained(folder)
    return folder


def save_blip(folder: Path) -> Path:
    module = transformers()
    torch.manual_seed(0)
    text = {
        "vocab_size": len(SPECIAL) + len(WORDS),
        "hidden_size": 16,
        "encoder_hidden_size": 16,
        "intermediate_size": 16,
        "projection_dim": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 24,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "sep_token_id": 3,
        "pad_token_id": 0,
    }
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
    }
    config = module.BlipConfig(text_config=text, vision_config=vision, projection_dim=8)
    module.BlipForQuestionAnswering(config).eval().save_pretrained(folder)
    pictures = _class("BlipImageProcessorPil", "BlipImageProcessor")
    size = {"height": SIDE, "width": SIDE}
    module.BlipProcessor(pictures(size=size), tokenizer()).save_pretrained(folder)
    return folder


def save_llava(folder: Path) -> Path:
    """One that follows instructions: CLIP's eyes, and a Llama that reads turns."""
    module = transformers()
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    vision = module.CLIPVisionConfig(
        **sizes, num_attention_heads=2, image_size=SIDE, patch_size=16, projection_dim=8
    )
    text = module.LlamaConfig(
        **sizes,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=len(SPECIAL) + len(WORDS),
        max_position_embeddings=64,
        bos_token_id=6,
        eos_token_id=7,
        pad_token_id=0,
    )
    config = module.LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=SPECIAL.index("<image>"),
        image_token_id=SPECIAL.index("<image>"),
        vision_feature_layer=-1,
        image_seq_length=(SIDE // 16) ** 2,
    )
    module.LlavaForConditionalGeneration(config).eval().save_pretrained(folder)
    pictures = _class("CLIPImageProcessorPil", "CLIPImageProcessor")
    size = {"height": SIDE, "width": SIDE}
    processor = module.LlavaProcessor(
        pictures(size={"shortest_edge": SIDE}, crop_size=size),
        tokenizer(),
        patch_size=16,
        vision_feature_select_strategy="default",
        chat_template=TURNS,
        num_additional_image_tokens=1,
    )
    processor.save_pretrained(folder)
    return folder


_EYES = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 16,
}


def save_git(folder: Path) -> Path:
    """One that goes on behind the picture and the text; its answers have several lengths."""
    module = transformers()
    torch.manual_seed(0)
    config = module.GitConfig(
        vision_config=_EYES,
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
        initializer_range=0.5,
    )
    module.GitForCausalLM(config).eval().save_pretrained(folder)
    pictures = _class("CLIPImageProcessorPil", "CLIPImageProcessor")
    size = {"height": SIDE, "width": SIDE}
    made = pictures(size={"shortest_edge": SIDE}, crop_size=size)
    module.GitProcessor(made, tokenizer()).save_pretrained(folder)
    return folder


def save_blip2(folder: Path) -> Path:
    """One whose language model within writes, by settings of its own."""
    module = transformers()
    torch.manual_seed(0)
    text = module.OPTConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        word_embed_proj_dim=16,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        init_std=0.5,
    )
    queries = {
        name: size for name, size in _EYES.items() if name not in ("image_size", "patch_size")
    }
    config = module.Blip2Config(
        vision_config=_EYES,
        qformer_config={**queries, "vocab_size": 40, "encoder_hidden_size": 16},
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=SPECIAL.index("<image>"),
    )
    module.Blip2ForConditionalGeneration(config).eval().save_pretrained(folder)
    pictures = _class("BlipImageProcessorPil", "BlipImageProcessor")
    size = {"height": SIDE, "width": SIDE}
    processor = module.Blip2Processor(pictures(size=size), tokenizer(), num_query_tokens=4)
    processor.save_pretrained(folder)
    return folder


MODELS: dict[str, Callable[[Path], Path]] = {
    "ViltForQuestionAnswering": save_vilt,
    "BlipForQuestionAnswering": save_blip,
    "LlavaForConditionalGeneration": save_llava,
}


def spoil(folder: Path, **changed: Any) -> None:
    """Change what a model's config.json says; None removes a key."""
    file = folder / "config.json"
    told = {**json.loads(file.read_text()), **changed}
    file.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))
