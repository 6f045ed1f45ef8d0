/* What the layers of a decoder do between their matrix products when many tokens are read and learnt from, forward and
   backward, and the softmax over the vocabulary.

   accord_norm     root mean square norm of rows
   accord_gate     silu(gate) * up, backward alone: forward the library is as fast
   accord_turn     queries and keys turned by their positions, head by head, with the values beside them
   accord_choose   log softmax read at one place of each row, and its entropy

   The others have a pass forward and one backward, named so, for float32 and for bfloat16 (names end in _f32 and _bf16);
   inside, all is float32. Nothing is allocated and nothing kept. Sums do not depend on how many threads there are. */

#include <math.h>

#include "numbers.h"

#define TOGETHER 64 /* rows whose gradients of a norm's weight are summed up together */
#define BLOCK 1024  /* exponentials that are summed up in float32 before float64 takes them */

INLINE float vanishing(float x) { return x < -87.0f ? 0.0f : exponential(x); }

#define T float
#define NAMED(name) name##_f32
#include "layers.h"
#undef T
#undef NAMED

#define T bf16
#define NAMED(name) name##_bf16
#include "layers.h"
