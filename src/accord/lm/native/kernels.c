/* What a decoder of the Llama family does between its matrix products when it writes one token more.

   accord_norm     root mean square norm of rows
   accord_attend   norms of heads, rotary positions, keys and values into the cache, attention over it
   accord_gate     silu(gate) * up

   and the products themselves, of as many rows as sequences run: accord_product.

   Each is made for float32 and for bfloat16 (names end in _f32 and _bf16); inside, all is float32. Nothing is
   allocated and nothing kept. Loops over items are shared among threads where OpenMP is compiled in. */

#include <math.h>

#include "numbers.h"
#ifdef __FMA__
#include <immintrin.h>
#endif

#define LANES 16       /* numbers in a vector: one register of AVX-512, two of AVX2 */
#define BLOCK 64       /* positions whose scores are held at once */
#define TOGETHER 4     /* query heads that read a key together */
#define WIDEST 256     /* the widest head */
#define LEAST (-1e30f) /* a score that is nothing */

#ifdef __AVX512F__
#define LANE 16        /* numbers in a register */
#define COLUMNS 4      /* rows of weights in a tile of a product: ROWS times these sums fill the registers */
#else
#define LANE 8
#define COLUMNS 2
#endif
#define ROWS 6         /* rows of x in a tile, at most */
#define STRIP (2 * LANE)
#define NEAR 131072    /* bytes of weights that a cache holds until all rows of x have read them */

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));
typedef float lane __attribute__((vector_size(4 * LANE)));
typedef uint32_t lane_words __attribute__((vector_size(4 * LANE)));

INLINE floats vector_bf16(const bf16 *x) {
    halves narrow;
    memcpy(&narrow, x, sizeof narrow);
    return (floats)(__builtin_convertvector(narrow, words) << 16);
}

INLINE floats vector_f32(const float *x) {
    floats value;
    memcpy(&value, x, sizeof value);
    return value;
}

INLINE lane lane_at(const float *x) {
    lane value;
    memcpy(&value, x, sizeof value);
    return value;
}

/* a * b + c, rounded once: compilers choose by the code around, and a sum would depend on what stands beside it. */
INLINE lane lane_fma(lane a, lane b, lane c) {
#if defined(__AVX512F__)
    return (lane)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (lane)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

INLINE float lane_sum(lane x) { /* halves onto halves */
    for (int half = LANE / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            x[i] += x[i + half];
    return x[0];
}

/* The vectors of a strip: of float32 one after the other, of bfloat16 the even and the odd numbers. */
INLINE lane part_f32(const float *x, int part) { return lane_at(x + part * LANE); }

INLINE lane part_bf16(const bf16 *x, int part) {
    lane_words both;
    memcpy(&both, x, sizeof both);
    return (lane)(part ? both & 0xffff0000u : both << 16);
}

/* e^x to two units of the last place for x in [-87, 88]; beyond, that of the bound. What is no number stays none. */
INLINE float exponential(float x) {
    float bounded = x < -87.0f ? -87.0f : x;
    bounded = bounded > 88.0f ? 88.0f : bounded;
    float whole = (bounded * 1.44269504f + 12582912.0f) - 12582912.0f;
    float rest = (bounded - whole * 0.693145752f) - whole * 1.42860677e-6f;
    float sum = 1.0f + rest * (1.0f + rest * (0.5f + rest * (0.166666672f + rest * (0.0416664854f
                + rest * (0.00833336077f + rest * 0.00139304355f)))));
    uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
    float scale;
    memcpy(&scale, &bits, 4);
    return sum * scale;
}

#define T float
#define NAMED(name) name##_f32
#define READ_AGAIN(from)
#include "typed.h"
#include "product.h"
#undef READ_AGAIN
#undef T
#undef NAMED

#define T bf16
#define NAMED(name) name##_bf16
#define READ_AGAIN(from) __asm__("" : "+r"(from)) /* or both vectors of a strip are kept, and sums are not */
#include "typed.h"
#include "product.h"
