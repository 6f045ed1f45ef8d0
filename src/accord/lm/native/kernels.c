/* What a decoder of the Llama family does between its matrix products when it writes one token more.

   accord_norm     root mean square norm of rows
   accord_attend   norms of heads, rotary positions, keys and values into the cache, attention over it
   accord_gate     silu(gate) * up
   accord_step     layers of it, one after the other
   accord_weigh    softmax in blocks, from which the token is drawn

   and the products themselves, of as many rows as sequences run: accord_product.

   Each is made for float32 and for bfloat16 (names end in _f32 and _bf16); inside, all is float32. Nothing is
   allocated and nothing kept. Loops over items are shared among threads where OpenMP is compiled in. */

#include <math.h>

#include "numbers.h"
#ifdef __AVX__
#include <immintrin.h>
#endif

#define LANES 16       /* numbers in a vector: one register of AVX-512, two of AVX2 */
#define BLOCK 64       /* positions whose scores are held at once */
#define TOGETHER 4     /* query heads that read a key together */
#define WIDEST 256     /* the widest head */
#define LEAST (-1e30f) /* a score that is nothing */
#define DRAW_BLOCK 256      /* tokens whose weights are summed up together */

#ifdef __AVX512F__
#define LANE 16        /* numbers in a register */
#define COLUMNS 4      /* rows of weights in a tile of a product: ROWS times these sums fill the registers */
#else
#define LANE 8
#define COLUMNS 2
#endif
#define ROWS 6         /* rows of x in a tile, at most */
#define STRIP (2 * LANE)
#define MOST 128       /* rows of weights whose sums are held at once, */
#define HELD 64        /* and rows of x */
#define AHEAD 2        /* tiles that weights are asked for before they are read */

/* What a layer is made of; numbers are of the type of the function that reads it. As in step.py. */
typedef struct {
    const void *norm_in, *norm_mlp, *query_norm, *key_norm; /* the latter two may be NULL */
    struct {
        const void *const *weights, *const *biases;
        const int64_t *sizes;
        int64_t count, width, total;
    } qkv, out, gate_up, down;
    int64_t key_heads, group, width, window;
    float scaling, head_eps;
} Layer;

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

#if defined(__AVX512F__)
#define TALL 4         /* rows of a tile whose sums are worked out together */
/* The sums of four vectors in each four numbers. */
INLINE __m512 fours(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512d ab = (__m512d)(_mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b));
    __m512d cd = (__m512d)(_mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d));
    return (__m512)_mm512_unpacklo_pd(ab, cd) + (__m512)_mm512_unpackhi_pd(ab, cd);
}

/* Two vectors as one, neighbouring fours onto one another. */
INLINE __m512 halved(__m512 a, __m512 b) {
    return _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xdd);
}
#elif defined(__AVX__)
#define TALL 2
INLINE __m256 fours(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256d ab = (__m256d)(_mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b));
    __m256d cd = (__m256d)(_mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d));
    return (__m256)_mm256_unpacklo_pd(ab, cd) + (__m256)_mm256_unpackhi_pd(ab, cd);
}
#else
#define TALL 1
#endif

/* The sum of a vector: of each four numbers, even ones first, then fours onto fours. */
INLINE float lane_sum(lane x) {
    float four[LANE / 4];
    for (int i = 0; i < LANE / 4; i++)
        four[i] = (x[4 * i] + x[4 * i + 2]) + (x[4 * i + 1] + x[4 * i + 3]);
    for (int half = 1; half < LANE / 4; half *= 2)
        for (int i = 0; i < LANE / 4; i += 2 * half)
            four[i] += four[i + half];
    return four[0];
}

/* The same of the vectors of a tile, TALL rows of it at most, many at once. */
INLINE void lane_sums(float (*restrict to)[MOST], lane (*restrict sum)[COLUMNS], const int rows) {
#if defined(__AVX512F__)
    __m512 row[TALL];
    for (int r = 0; r < TALL; r++)
        row[r] = r < rows ? fours((__m512)sum[r][0], (__m512)sum[r][1], (__m512)sum[r][2], (__m512)sum[r][3]) : row[0];
    __m512 all = halved(halved(row[0], row[1]), halved(row[2], row[3]));
    _mm_storeu_ps(to[0], _mm512_extractf32x4_ps(all, 0));
    if (rows > 1)
        _mm_storeu_ps(to[1], _mm512_extractf32x4_ps(all, 1));
    if (rows > 2)
        _mm_storeu_ps(to[2], _mm512_extractf32x4_ps(all, 2));
    if (rows > 3)
        _mm_storeu_ps(to[3], _mm512_extractf32x4_ps(all, 3));
#elif defined(__AVX__)
    int last = rows - 1;
    __m256 both = fours((__m256)sum[0][0], (__m256)sum[0][1], (__m256)sum[last][0], (__m256)sum[last][1]);
    __m128 all = _mm256_castps256_ps128(both) + _mm256_extractf128_ps(both, 1);
    memcpy(to[0], &all, 8);
    memcpy(to[last], (const float *)&all + COLUMNS, 8);
#else
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < COLUMNS; c++)
            to[r][c] = lane_sum(sum[r][c]);
#endif
}

/* The vectors of a strip: of float32 one after the other, of bfloat16 the even and the odd numbers. */
INLINE lane part_f32(const float *x, int part) { return lane_at(x + part * LANE); }

INLINE lane part_bf16(const bf16 *x, int part) {
    lane_words both;
    memcpy(&both, x, sizeof both);
    return (lane)(part ? both & 0xffff0000u : both << 16);
}

#define S float /* what x is laid out in */
#define T float
#define NAMED(name) name##_f32
#define READ_AGAIN(from)
#include "typed.h"
#include "strips.h"
#include "product.h"
#include "step.h"
#undef READ_AGAIN
#undef T
#undef NAMED

#define T bf16
#define NAMED(name) name##_bf16
#include "typed.h"
#ifdef __AVX512BF16__
#undef S
#define S bf16
#include "pairs.h"
#else
#define READ_AGAIN(from) __asm__("" : "+r"(from)) /* or both vectors of a strip are kept, and sums are not */
#include "strips.h"
#endif
#include "product.h"
#include "step.h"

/* Whether bfloat16 is multiplied by the processor's own instructions for it. */
int accord_multiplies_pairs(void) {
#ifdef __AVX512BF16__
    return 1;
#else
    return 0;
#endif
}
