"""Both networks and all their derivatives in NumPy alone: what the framework does, written out.

Read `layers`, `lstm`, then `saaa` or `san`, then `gradients` and `adam`. Of the papers' networks
with an LSTM nothing is left out but dropout, and outputs, loss, gradients and training agree with
the PyTorch networks' to rounding. SAN's CNN and the equations of its published code are not here.
The linear term of words, which training on small sets puts beside a paper's network, is
(`word_term`): it is added where the weights have it.

**Notation.** L is the loss, one number. For any array ``x``, ``dx`` stands for ∂L/∂x: an array of
the shape of ``x`` that says how much L grows for each element of ``x`` that grows.

**The chain rule.** Each step ``y = f(x)`` comes with a function ``f_backward`` that is given ``dy``
and returns ::

    dx_j = Σ_i dy_i · ∂y_i/∂x_j

Starting from dL = 1 and taking the steps in reverse order yields the gradient of every weight.
Three things follow that come up again and again:

1. What the derivative needs of the forward pass (its inputs, or its results) must be kept until
   then. That is why a forward pass returns all its intermediates.
2. What is used twice gets the *sum* of what its uses send back: ``dx = dx₁ + dx₂``.
3. What is shared along an axis (a bias by all rows, an image by its questions) gets the sum over
   that axis. It is the same rule.

**Weights** are a dict of arrays, named as in the PyTorch networks' ``state_dict()``::

    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}

Everything else that goes in is an array, too: ``tensor.numpy()``. Gradients are a dict of the same
names. To train without PyTorch at all::

    import numpy as np
    from askattend import byhand

    rng = np.random.default_rng(0)
    sizes = dict(words=20, answers=4, region_dim=8, embedding_dim=6, question_dim=8)
    weights = byhand.saaa_weights(rng, **sizes, attention_dim=8, hidden_dim=16)
    batch = dict(regions=rng.normal(size=(6, 9, 8)), tokens=rng.integers(1, 20, size=(6, 5)))
    batch |= dict(lengths=rng.integers(1, 6, size=6))  # words of each of the six questions
    answers = dict(answer_index=rng.integers(4, size=(6, 1)), answer_weight=np.ones((6, 1)))
    adam = byhand.Adam(weights)
    for _ in range(100):
        loss, gradients = byhand.saaa_gradients(weights, **batch, **answers)
        adam.step(gradients, learning_rate=0.01)
    print(f"loss {loss:.4f}; attention", byhand.saaa(weights, **batch).attention.shape)

**Dropout** with probability p multiplies an element by m/(1-p), where m is 0 with probability p and
otherwise 1, and its derivative by the same: ``y = x·m/(1-p)``, ``dx = dy·m/(1-p)``. In training the
PyTorch networks have it before every layer (SAAA) or before the last (SAN). When answering, p is 0
and nothing happens; here it is always so.
"""

from askattend.byhand.adam import Adam
from askattend.byhand.arrays import ShapeError
from askattend.byhand.layers import answer_loss, answer_loss_backward
from askattend.byhand.saaa import SAAAOutput, saaa, saaa_backward, saaa_gradients
from askattend.byhand.san import SANOutput, san, san_backward, san_gradients
from askattend.byhand.weights import saaa_shapes, saaa_weights, san_shapes, san_weights

__all__ = [
    "Adam",
    "SAAAOutput",
    "SANOutput",
    "ShapeError",
    "answer_loss",
    "answer_loss_backward",
    "saaa",
    "saaa_backward",
    "saaa_gradients",
    "saaa_shapes",
    "saaa_weights",
    "san",
    "san_backward",
    "san_gradients",
    "san_shapes",
    "san_weights",
]
