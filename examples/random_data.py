"""A sanity check of the parts: random images and questions through each of SAAA's parts in turn.

No data set, no download: ``python examples/random_data.py --batch-size 4``. What each part gives is
compared with what the whole network gives.
"""

from __future__ import annotations

import argparse

import torch

import askattend
from askattend.models.attention import weighted_sum


def show(symbol: str, meaning: str, tensor: torch.Tensor) -> torch.Tensor:
    """Print a line about a tensor, and hand it on."""
    print(f"{symbol:<8} {meaning:<44} {' × '.join(map(str, tensor.shape))}")
    return tensor


def main() -> None:
    """Build the network, draw the data, and go through the parts one by one."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default, meaning in (
        ("batch-size", 8, "questions, each about an image of its own"),
        ("grid", 14, "rows and columns of regions"),
        ("region-dim", 256, "width of a region's feature (2048 in the paper)"),
        ("words", 1000, "size of the word vocabulary"),
        ("max-length", 12, "words of the longest question"),
        ("answers", 100, "size of the answer vocabulary (3000 in the paper)"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning}; {default}")
    sizes = parser.parse_args()

    torch.manual_seed(0)
    network = askattend.SAAA(
        words=sizes.words, answers=sizes.answers, region_dim=sizes.region_dim
    ).eval()
    lengths = torch.randint(1, sizes.max_length + 1, (sizes.batch_size,))
    tokens = torch.randint(2, sizes.words, (sizes.batch_size, int(lengths.max())))
    tokens = tokens * (torch.arange(tokens.shape[1]) < lengths[:, None])  # 0 is padding
    regions = torch.rand(sizes.batch_size, sizes.grid**2, sizes.region_dim)
    own_image = torch.arange(sizes.batch_size)

    with torch.no_grad():
        show("φ", "image features, a vector for each region", regions)
        show("q", "the questions' words, as numbers", tokens)

        s = show(
            "s", "question encoder: the LSTM's last cell state", network.encoder(tokens, lengths)
        )

        length = regions.norm(dim=2, keepdim=True)
        v = show("v/‖v‖", "normalisation: every region to length 1", regions / length)

        attention, classifier = network.attention, network.classifier
        projected = show("W_v v", "attention, the image's part", attention.project(v))
        scores = attention(projected, s, own_image)
        scores = show("F(s, v)", "attention: a score for each region", scores)
        alpha = show("α", "softmax over the regions", scores.softmax(dim=2))
        print(f"{'':<8} every map sums to 1: {bool(torch.allclose(alpha.sum(2), torch.ones(1)))}")

        x = show("x", "weighted sum of the regions", weighted_sum(alpha, v, own_image))
        combined = torch.cat([x.flatten(1), s], dim=1)
        combined = show("[x, s]", "glimpses and question joined", combined)
        logits = show("logits", "classifier: a number for each answer", classifier(combined))
        show("P(a)", "softmax over the answers", logits.softmax(dim=1))

        whole = network(regions, tokens, lengths)
    torch.testing.assert_close(logits, whole.logits)
    torch.testing.assert_close(alpha, whole.attention)
    print("the parts, one after the other, give what the whole network gives")


if __name__ == "__main__":
    main()
