/* Types of numbers, and functions of them that compilers turn into vector instructions. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;
typedef uint16_t f16;
typedef float f32;

static inline float from_bits(uint32_t bits) {
  float number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static inline uint32_t to_bits(float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

static inline float load_f32(f32 x) { return x; }
static inline f32 store_f32(float x) { return x; }

static inline float load_bf16(bf16 x) { return from_bits((uint32_t)x << 16); }

/* Round to the nearest, ties to even; not-a-number stays what it is. */
static inline bf16 store_bf16(float x) {
  uint32_t bits = to_bits(x);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  uint32_t no_number = (bits >> 16) | 0x40;
  return (bf16)((bits & 0x7fffffff) > 0x7f800000 ? no_number : rounded);
}

/* Exponents of float16 are 112 less than float32's; infinity and not-a-number have the greatest. */
static inline float load_f16(f16 x) {
  uint32_t sign = (uint32_t)(x & 0x8000) << 16;
  uint32_t size = (uint32_t)(x & 0x7fff) << 13;
  uint32_t finite = to_bits(from_bits(size) * 0x1p112f);
  return from_bits(sign | (size >= 0x0f800000 ? size | 0x7f800000 : finite));
}

/* e^x to two units in the last place, of an x within ±87 (beyond, of ±87). */
static inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 87.0f ? 87.0f : x;
  float shifted = x * 1.44269504f + 12582912.0f; /* 1.5·2²³: its last bits are the whole part */
  float whole = shifted - 12582912.0f;
  float rest = x - whole * 0.693145752f;
  rest = rest - whole * 1.42860677e-6f;
  float sum = 1.98412698e-4f;
  sum = sum * rest + 1.38888889e-3f;
  sum = sum * rest + 8.33333333e-3f;
  sum = sum * rest + 4.16666667e-2f;
  sum = sum * rest + 1.66666667e-1f;
  sum = sum * rest + 0.5f;
  sum = sum * rest + 1.0f;
  sum = sum * rest + 1.0f;
  return from_bits(to_bits(sum) + ((uint32_t)(int32_t)whole << 23));
}

static inline float sigmoid(float x) {
  float y = 1.0f / (1.0f + exponential(-x));
  return x != x ? x : y;
}

/* By its series near 0, where the difference from 1 has lost its digits. */
static inline float hyperbolic_tangent(float x) {
  float square = x * x;
  float series = -8.86323553e-3f;
  series = series * square + 2.18694885e-2f;
  series = series * square - 5.39682540e-2f;
  series = series * square + 1.33333333e-1f;
  series = series * square - 3.33333333e-1f;
  series = x + x * square * series;
  float far = 1.0f - 2.0f / (1.0f + exponential(2.0f * x));
  float y = square < 0.16f ? series : far;
  return x != x ? x : y;
}
