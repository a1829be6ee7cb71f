/* The hidden layer of attention scores: one question at one region. */

enum { RELU, TANH, TANH_OF_SMALL };

/* e^{2v}·e^{2q} stays within float32's range, and so does its inverse. */
#define SMALL 20.0f

/* σ(v + q) with dropout; of small numbers as 1 - 2 / (1 + e^{2v}·e^{2q}), given the exponentials:
   there is none for each pair of a question and a region. */
static inline void hidden_row(const float *restrict v, const float *restrict q, int64_t way,
                              const uint8_t *restrict kept, int64_t dim, float *restrict h) {
  if (way == TANH_OF_SMALL)
    for (int64_t d = 0; d < dim; d++)
      h[d] = 1.0f - 2.0f / (1.0f + v[d] * q[d]);
  else if (way == TANH)
    for (int64_t d = 0; d < dim; d++)
      h[d] = hyperbolic_tangent(v[d] + q[d]);
  else
    for (int64_t d = 0; d < dim; d++) {
      float sum = v[d] + q[d];
      h[d] = sum < 0 ? 0 : sum; /* not-a-number stays */
    }
  if (kept)
    for (int64_t d = 0; d < dim; d++)
      h[d] *= kept[d];
}
