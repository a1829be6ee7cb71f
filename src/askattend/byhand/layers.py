"""The steps that both networks are made of, each followed by its derivative.

``dy`` is ∂L/∂y; see the package's introduction. A backward function is given by name what it needs
of the forward pass: nothing is hidden.
"""

from __future__ import annotations

import numpy as np

from askattend.byhand.arrays import FloatArray, IntArray

PADDING = 0  # the word that fills short questions up
EPSILON = 1e-8  # keeps the norm of a region that is all zero from dividing by 0


# y = Wx + b


def linear(x: FloatArray, W: FloatArray, b: FloatArray | None = None) -> FloatArray:
    """Return y_i = Σ_j W_ij x_j + b_i for every row x of a batch (… × in → … × out)."""
    y = x @ W.T
    return y if b is None else y + b


def linear_backward(
    dy: FloatArray, x: FloatArray, W: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (dx, dW, db).

    - ∂y_i/∂x_j = W_ij, so dx_j = Σ_i dy_i W_ij
    - ∂y_i/∂W_ij = x_j, so dW_ij = Σ_rows dy_i x_j: all rows share W
    - ∂y_i/∂b_i = 1, so db_i = Σ_rows dy_i: all rows share b
    """
    dx = dy @ W  # … × in
    dy, x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])  # rows × out, rows × in
    return dx, dy.T @ x, dy.sum(axis=0)


# Element by element. Each derivative follows from the result y alone.


def sigmoid(x: FloatArray) -> FloatArray:
    """Return y = 1/(1 + e^{-x}), written with tanh so that no exponential overflows."""
    y: FloatArray = 0.5 * (1 + np.tanh(0.5 * x))
    return y


def sigmoid_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Return dx, where ∂y/∂x = y·(1 - y)."""
    return dy * y * (1 - y)


def tanh(x: FloatArray) -> FloatArray:
    """Return y = (e^x - e^{-x}) / (e^x + e^{-x})."""
    return np.tanh(x)


def tanh_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Return dx, where ∂y/∂x = 1 - y²."""
    dx: FloatArray = dy * (1 - y**2)
    return dx


def relu(x: FloatArray) -> FloatArray:
    """Return y = max(x, 0)."""
    y: FloatArray = np.maximum(x, 0)
    return y


def relu_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Return dx, where ∂y/∂x = 1 if x > 0, else 0 (at 0 itself a choice; everyone's is 0)."""
    return dy * (y > 0)


# y = table[index]: a word's row of the embedding, a question's image


def lookup(table: FloatArray, index: IntArray) -> FloatArray:
    """Return row index_i of the table for each i: y_i = table[index_i]."""
    return table[index]


def lookup_backward(dy: FloatArray, index: IntArray, rows: int) -> FloatArray:
    """Return dtable_r = Σ_{i: index_i = r} dy_i: a row looked up several times gets the sum.

    Args:
        dy: index's shape × row's shape.
        index: the rows that were looked up.
        rows: the number of rows of the table; those not looked up get 0.
    """
    dtable = np.zeros((rows, *dy.shape[index.ndim :]), dy.dtype)
    for i in np.ndindex(index.shape):
        dtable[index[i]] += dy[i]
    return dtable


def embedding_backward(dx: FloatArray, tokens: IntArray, words: int) -> FloatArray:
    """Return dE of x = E[tokens], like any look-up; but padding is no word and learns nothing."""
    dE = lookup_backward(dx, tokens, words)  # words × embedding_dim
    dE[PADDING] = 0
    return dE


# y = a ⊕ q: the question's vector added to each region of its image


def add_to_regions(
    per_image: FloatArray, per_question: FloatArray, image_index: IntArray
) -> FloatArray:
    """Return y_l = a_l + q at each region l of a question's image (SAN's ⊕).

    Args:
        per_image: a, images × regions × dim.
        per_question: q, questions × dim.
        image_index: the image of each question.
    """
    return lookup(per_image, image_index) + per_question[:, None]  # questions × regions × dim


def add_to_regions_backward(
    dy: FloatArray, image_index: IntArray, images: int
) -> tuple[FloatArray, FloatArray]:
    """Return (da, dq).

    Both derivatives are 1. But all questions of an image share its a, and all regions share a
    question's q, so each gets the sum over those that share it: da_l = Σ_questions dy_l and
    dq = Σ_l dy_l.
    """
    return lookup_backward(dy, image_index, images), dy.sum(axis=1)


# v̂ = v/(‖v‖₂ + ε)


def normalise(v: FloatArray) -> FloatArray:
    """Scale every region's feature to length 1, or 0 where it is 0 (SAAA section 3.1)."""
    norm: FloatArray = np.linalg.norm(v, axis=-1, keepdims=True)
    return v / (norm + EPSILON)


def normalise_backward(dv_hat: FloatArray, v: FloatArray) -> FloatArray:
    """Return dv, with n = ‖v‖₂, so that ∂n/∂v_j = v_j/n.

    ∂v̂_i/∂v_j = [i = j]/(n + ε) - v_i (v_j/n)/(n + ε)²: the second term takes away what would only
    lengthen v, for v̂ does not feel it. Where v = 0, v/n has no value and counts as 0.
    """
    n: FloatArray = np.linalg.norm(v, axis=-1, keepdims=True)
    direction = v / np.where(n > 0, n, 1)  # v/n
    along: FloatArray = (dv_hat * v).sum(axis=-1, keepdims=True)  # Σ_i dv̂_i v_i
    return dv_hat / (n + EPSILON) - direction * along / (n + EPSILON) ** 2


# α_l = e^{s_l} / Σ_k e^{s_k}


def softmax(s: FloatArray) -> FloatArray:
    """Turn scores into attention: positive, and summing to 1 over the last axis, the regions."""
    e = np.exp(s - s.max(axis=-1, keepdims=True))  # the shift cancels out; no overflow
    a: FloatArray = e / e.sum(axis=-1, keepdims=True)
    return a


def softmax_backward(da: FloatArray, a: FloatArray) -> FloatArray:
    """Return ds of α = softmax(s), from dα.

    ∂α_k/∂s_l = α_k·([k = l] - α_l): raising one score takes from all the others. So
    ds_l = α_l·(dα_l - Σ_k dα_k α_k): what counts is by how much a region differs from the average
    under the attention, so the ds of a map sum to 0.
    """
    average: FloatArray = (da * a).sum(axis=-1, keepdims=True)  # Σ_k dα_k α_k
    return a * (da - average)


# x_c = Σ_l α_{c,l} φ_l


def weighted_sum(attention: FloatArray, regions: FloatArray, image_index: IntArray) -> FloatArray:
    """Average the regions of each question's image with its attention.

    SAAA section 3.3 (x_c), SAN section 3.3 (ṽ_I).

    Args:
        attention: α, questions × maps × regions.
        regions: φ, images × regions × dim.
        image_index: the image of each question.
    """
    return attention @ lookup(regions, image_index)  # questions × maps × dim


def weighted_sum_backward(
    dx: FloatArray, attention: FloatArray, regions: FloatArray, image_index: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return (dα, dφ).

    - ∂x_{c,d}/∂α_{c,l} = φ_{l,d}, so dα_{c,l} = Σ_d dx_{c,d} φ_{l,d}: how far region l points along
      dx_c
    - ∂x_{c,d}/∂φ_{l,d} = α_{c,l}, so dφ_{l,d} = Σ_c α_{c,l} dx_{c,d}, and the sum of it over the
      questions that share the image
    """
    image_regions = lookup(regions, image_index)  # questions × regions × dim
    dattention = dx @ image_regions.transpose(0, 2, 1)  # questions × maps × regions
    dimage_regions = attention.transpose(0, 2, 1) @ dx  # questions × regions × dim
    return dattention, lookup_backward(dimage_regions, image_index, len(regions))


# L = mean over questions of Σ_a w_a·(-log P(a))


def log_softmax(z: FloatArray) -> FloatArray:
    """Return log P(a) = z_a - log Σ_k e^{z_k}, over the last axis."""
    z = z - z.max(axis=-1, keepdims=True)
    log_p: FloatArray = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return log_p


def answer_loss(logits: FloatArray, answer_index: IntArray, answer_weight: FloatArray) -> float:
    """Return L = Σ_a (count_a/K)·(-log P(a)), averaged over the questions (SAAA section 3.4).

    Args:
        logits: questions × answers.
        answer_index: the distinct reference answers of each question, questions × references;
            padded with any index.
        answer_weight: count_a/K, the share of the question's K annotators; 0 where padded. They
            sum to less than 1 where some gave an answer that the vocabulary lacks.
    """
    log_p = np.take_along_axis(log_softmax(logits), answer_index, axis=1)
    return float(-(answer_weight * log_p).sum(axis=1).mean())


def answer_loss_backward(
    logits: FloatArray, answer_index: IntArray, answer_weight: FloatArray
) -> FloatArray:
    """Return dlogits: the network's answers less the annotators'.

    With t_j the weight that the annotators gave answer j, and Q questions:
    ∂(-log P(a))/∂z_j = P(j) - [j = a], so dz_j = (P(j)·Σ_a w_a - t_j)/Q.
    """
    P = softmax(logits)  # questions × answers
    t = np.zeros_like(logits)
    rows = np.arange(len(logits))[:, None]
    np.add.at(t, (rows, answer_index), answer_weight.astype(logits.dtype))  # t_j += w_a at j = a
    dlogits: FloatArray = (P * t.sum(axis=1, keepdims=True) - t) / len(logits)
    return dlogits
