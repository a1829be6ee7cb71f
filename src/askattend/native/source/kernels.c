/* Kernels of SAAA and SAN for a processor: each equals what PyTorch computes step by step, in one
   pass over memory. Sums are in float32 and in the same order, whatever the number of threads. */
#include <math.h>

#include "numbers.h"
#include "dropout.h"

/* Numbers of a row that are held on the stack. */
#define WIDEST 4096
/* Numbers for which it does not pay to wake another thread. */
#define FEW 8192

#include "hidden.h"

#define T bf16
#define LOAD load_bf16
#define STORE store_bf16
#define NAME(x) x##_bf16
#include "scores.inc"
#include "rows.inc"
#include "products.inc"
#undef T
#undef LOAD
#undef STORE
#undef NAME

#define T f32
#define LOAD load_f32
#define STORE store_f32
#define NAME(x) x##_f32
#include "scores.inc"
#include "rows.inc"
#undef T
#undef LOAD
#undef STORE
#undef NAME

#define T f16
#define LOAD load_f16
#define U bf16
#define STORE store_bf16
#define NAME(x) x##_f16_bf16
#include "regions.inc"
#undef U
#undef STORE
#undef NAME
#define U f32
#define STORE store_f32
#define NAME(x) x##_f16_f32
#include "regions.inc"
#undef T
#undef LOAD
#undef U
#undef STORE
#undef NAME
#define T f32
#define LOAD load_f32
#define U bf16
#define STORE store_bf16
#define NAME(x) x##_f32_bf16
#include "regions.inc"
#undef U
#undef STORE
#undef NAME
#define U f32
#define STORE store_f32
#define NAME(x) x##_f32_f32
#include "regions.inc"
