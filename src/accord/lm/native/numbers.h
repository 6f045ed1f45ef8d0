/* bfloat16 and float32 as float32 and back, and how loops are shared. */

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define SHARED _Pragma("omp parallel for schedule(static) num_threads(threads) if (threads > 1)")

typedef uint16_t bf16;

INLINE float wide_bf16(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE bf16 narrow_bf16(float x) { /* to nearest, ties to even; what is no number stays none */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (bf16)((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}

INLINE float wide_f32(float x) { return x; }
INLINE float narrow_f32(float x) { return x; }
