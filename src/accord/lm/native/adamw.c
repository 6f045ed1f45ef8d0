/* The optimiser's passes: squares of a gradient summed up, and one pass over gradient, master, moments and weight.

   accord_squares   the sum of squares of a gradient, part by part
   accord_adamw     clip, move both moments and the master, write the weight that is computed with

   Each is made for gradients in float32 and in bfloat16 (names end in _f32 and _bf16). The arithmetic of accord_adamw is
   that of torch's own pass on a CPU, to the last bit, so products and sums are fused where they are said to be and
   nowhere else: this file is compiled with -ffp-contract=off. Its loops are left to the compiler's vectoriser. */

#include <math.h>

#include "numbers.h"

#define LANES 16      /* sums that are taken side by side */
#define SQUARES 65536 /* numbers in a part of a sum: the sum does not depend on how many threads there are */
#define PASS 16384    /* numbers in a part of the pass */
#define NEAR 1024     /* numbers that go through it together */

INLINE double square_of(double x) { return x * x; } /* exact, for x was narrower */

/* What is the same for all numbers of a tensor. */
struct adamw {
    float clip;         /* what gradients are multiplied by */
    float kept;         /* 1 - learning rate * weight decay */
    float rate;         /* -learning rate / (1 - beta1^step) */
    float first;        /* 1 - beta1 */
    float beta2;
    float second;       /* 1 - beta2 */
    float scale;        /* sqrt(1 - beta2^step) */
    float eps;
};

INLINE float fused(float a, float b, float c) { /* a * b + c, rounded once where torch rounds once */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* One number. The mean goes towards the gradient from the nearer end, as torch.lerp does; what remains behind the last
   whole vector torch adds up in another order. */
INLINE float moved(float master, float *restrict mean, float *restrict square, float gradient,
                   const struct adamw by, const int far, const int last) {
    gradient *= by.clip;
    float apart = gradient - *mean, new_mean = far ? fused(by.first - 1.0f, apart, gradient) : fused(by.first, apart, *mean);
    float new_square = last ? fused(*square, by.beta2, by.second * gradient * gradient)
                            : fused(by.second * gradient, gradient, *square * by.beta2);
    *mean = new_mean;
    *square = new_square;
    return master * by.kept + by.rate * new_mean / (sqrtf(new_square) / by.scale + by.eps);
}

#define T float
#define NAMED(name) name##_f32
#include "adamw.h"
#undef T
#undef NAMED

#define T bf16
#define NAMED(name) name##_bf16
#include "adamw.h"
