/* Layers of a decoder for one more token of each sequence. Included by kernels.c once for each type, as typed.h is. */

#define MULTIPLY(to, from, by, plus)                                                                                     \
    NAMED(accord_product)(to, from, space, (const T *const *)layer->by.weights, (const T *const *)layer->by.biases,      \
                          layer->by.sizes, layer->by.count, plus, rows, layer->by.width, threads)

/* x goes through `count` layers, in place.

   x        [rows, width]        keys, values   of the first layer, as in accord_attend; those of the next ones `stride` on
   room     for `rows` rows of: x, the projections, what heads attended to, gate and up, and what the gate lets through
   space    as in accord_product, for the widest input */
void NAMED(accord_step)(T *x, const Layer *layers, int64_t count, T *keys, T *values, int64_t stride, const T *cosine,
                        const T *sine, const int64_t *places, int64_t rows, int64_t length, float eps, T *room, void *space,
                        int threads) {
    for (int64_t i = 0; i < count; i++) {
        const Layer *layer = layers + i;
        int64_t width = layer->qkv.width;
        T *normed = room, *heads = normed + rows * width, *context = heads + rows * layer->qkv.total,
          *both = context + rows * layer->out.width, *gated = both + rows * layer->gate_up.total;
        NAMED(accord_norm)(normed, x, layer->norm_in, rows, width, eps, threads);
        MULTIPLY(heads, normed, qkv, NULL);
        NAMED(accord_attend)(context, heads, keys + i * stride, values + i * stride, layer->query_norm, layer->key_norm,
                             layer->head_eps, cosine, sine, places, rows, layer->key_heads, layer->group, layer->width,
                             length, layer->window, layer->scaling, threads);
        MULTIPLY(x, context, out, x);
        NAMED(accord_norm)(normed, x, layer->norm_mlp, rows, width, eps, threads);
        MULTIPLY(both, normed, gate_up, NULL);
        NAMED(accord_gate)(gated, both, rows, layer->down.width, threads);
        MULTIPLY(x, gated, down, x);
    }
}
#undef MULTIPLY
