"""SAAA on random data, one part at a time: what goes in, what comes out, and is it what it should.

    python examples/random_data.py
    python examples/random_data.py --batch-size 4 --side 14 --region-dim 2048   # the paper's size

Nothing is learnt here, so the answers mean nothing; the shapes and sums do.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections.abc import Sequence

import torch
from torch import Tensor

import askattend
from askattend.models.kernels import weighted_sum
from askattend.models.saaa_symbols import ALPHA, COMBINED, SCORES, V_HAT, X_C, G, Q, S, V
from askattend.models.symbols import Symbol


def main(arguments: Sequence[str] | None = None) -> None:
    """Walk through the network, then check that the walk and the network agree."""
    args = parse_options(arguments)
    torch.manual_seed(args.seed)

    # The network, with weights as they are before any training. In evaluation mode nothing is
    # dropped, so that two passes agree.
    config = askattend.SAAAConfig(question_dim=args.question_dim, glimpses=args.glimpses)
    words = args.vocabulary + 1  # padding is word 0
    model = askattend.SAAA(
        config, words=words, answers=args.answers, region_dim=args.region_dim
    ).eval()

    # One image a question: side × side regions, each a vector. Questions differ in length; what
    # follows a question's end is padding.
    regions = torch.rand(args.batch_size, args.side**2, args.region_dim)
    lengths = torch.randint(1, args.words + 1, (args.batch_size,))
    tokens = torch.randint(1, words, (args.batch_size, args.words))
    tokens[torch.arange(args.words) >= lengths[:, None]] = 0
    image_index = torch.arange(args.batch_size)  # question i is about image i
    show(V, regions)
    show(Q, tokens)

    # 1. The question encoder: an LSTM reads the words; its last cell state is the question.
    question = model.encoder(tokens, lengths)
    show(S, question)

    # 2. Normalisation: every region's vector is divided by its length.
    length = (regions**2).sum(dim=-1, keepdim=True) ** 0.5
    normalised = regions / (length + 1e-8)
    show(V_HAT, normalised)
    agree("every region has length 1", (normalised**2).sum(dim=-1), torch.ones_like(length[..., 0]))

    # 3. Attention: a score for each region, in each glimpse, given the question.
    projected = model.attention.project(normalised)
    scores = model.attention(projected, question, image_index)
    show(SCORES, scores)

    # 4. Softmax over the regions: positive, and 1 in sum.
    weight = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    attention = weight / weight.sum(dim=-1, keepdim=True)
    show(ALPHA, attention)
    agree("each glimpse sums to 1", attention.sum(dim=-1), torch.ones(scores.shape[:2]))

    # 5. The weighted sum: what each glimpse saw. Here by a loop, region by region.
    attended = torch.zeros(args.batch_size, args.glimpses, args.region_dim)
    for region in range(args.side**2):
        attended += attention[:, :, region, None] * normalised[:, None, region]
    show(X_C, attended)
    at_once = weighted_sum(attention, normalised, image_index)
    agree("the loop is the library's weighted sum", attended, at_once)

    # 6. The classifier: what was seen and what was asked, side by side, to a score an answer.
    combined = torch.cat([attended.flatten(1), question], dim=1)
    show(COMBINED, combined)
    logits = model.classifier(combined)
    show(G, logits)

    # And the network itself, which does all this in one call.
    output = model(regions, tokens, lengths)
    agree("the parts are the whole: attention", attention, output.attention)
    agree("the parts are the whole: logits", logits, output.logits)
    probability, answer = output.logits.softmax(dim=-1).max(dim=-1)
    for row in range(args.batch_size):
        print(f"question {row}: answer {answer[row]} with probability {probability[row]:.3f}")


def show(symbol: Symbol, tensor: Tensor) -> None:
    """Print a line: our name, the paper's symbol, the dimensions' names and sizes."""
    sizes = " × ".join(map(str, tensor.shape))
    dims = symbol.dims.replace(" ", " × ")
    short, _, _ = symbol.symbol.partition(" = ")
    print(f"{symbol.name:<10}  {padded(short, 11)}  {dims:<33}  {sizes}")


def padded(text: str, width: int) -> str:
    """Fill text up to a width; the hat of v̂ is a character that takes no room of its own."""
    return text + " " * (width - sum(not unicodedata.combining(character) for character in text))


def agree(what: str, ours: Tensor, theirs: Tensor) -> None:
    """Say that two tensors are equal, or stop."""
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5, msg=f"not so: {what}")
    print(f"  ✓ {what}")


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; the sizes are small unless told otherwise."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value, meaning in (
        ("batch-size", 3, "questions, each with an image of its own"),
        ("side", 4, "rows, and columns, of the grid of regions"),
        ("region-dim", 32, "width of a region's vector"),
        ("words", 6, "words of the longest question"),
        ("vocabulary", 50, "different words"),
        ("question-dim", 24, "width of the question's vector"),
        ("glimpses", 2, "attention maps a question"),
        ("answers", 10, "different answers"),
        ("seed", 1, "of everything random"),
    ):
        help_text = f"{meaning} (default: {value})"
        parser.add_argument(f"--{name}", type=positive, default=value, help=help_text, metavar="N")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """Read a whole number from 1 up."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    with torch.inference_mode():
        main()
