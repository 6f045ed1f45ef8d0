/* The kernels for numbers of type T; NAMED gives each function its name. Included by layers.c once for each type. */

void NAMED(accord_norm_forward)(T *restrict out, float *restrict scale, const T *restrict x, const T *restrict weight,
                                int64_t rows, int64_t width, float eps, int threads) {
    (void)threads;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *in = x + row * width;
        T *to = out + row * width;
        float sum = 0.0f;
        _Pragma("omp simd reduction(+ : sum)")
        for (int64_t i = 0; i < width; i++)
            sum += NAMED(wide)(in[i]) * NAMED(wide)(in[i]);
        float by = scale[row] = 1.0f / sqrtf(sum / (float)width + eps);
        _Pragma("omp simd")
        for (int64_t i = 0; i < width; i++)
            to[i] = NAMED(narrow)(NAMED(wide)(in[i]) * by * NAMED(wide)(weight[i]));
    }
}

/* dx = scale (g w - n mean(g w n)) and, for each TOGETHER rows, the sum of g n, with n = x scale. */
void NAMED(accord_norm_backward)(T *restrict to_x, float *restrict to_weight, const T *restrict gradient,
                                 const T *restrict x, const float *restrict scale, const T *restrict weight,
                                 int64_t rows, int64_t width, int threads) {
    (void)threads;
    SHARED
    for (int64_t first = 0; first < rows; first += TOGETHER) {
        float *sum = to_weight ? to_weight + first / TOGETHER * width : NULL;
        if (sum)
            memset(sum, 0, (size_t)width * sizeof(float));
        for (int64_t row = first; row < first + TOGETHER && row < rows; row++) {
            const T *g = gradient + row * width, *in = x + row * width;
            T *to = to_x + row * width;
            float by = scale[row], share = 0.0f;
            _Pragma("omp simd reduction(+ : share)")
            for (int64_t i = 0; i < width; i++)
                share += NAMED(wide)(g[i]) * NAMED(wide)(weight[i]) * NAMED(wide)(in[i]);
            share *= by * by / (float)width;
            _Pragma("omp simd")
            for (int64_t i = 0; i < width; i++)
                to[i] = NAMED(narrow)(by * (NAMED(wide)(g[i]) * NAMED(wide)(weight[i]) - NAMED(wide)(in[i]) * share));
            if (sum) {
                _Pragma("omp simd")
                for (int64_t i = 0; i < width; i++)
                    sum[i] += NAMED(wide)(g[i]) * NAMED(wide)(in[i]) * by;
            }
        }
    }
}

/* Of silu(gate) * up: the gradients of gate and up, whose rows stand `apart`, and what came out once more. Rows of gate
   and up stand `stride` numbers apart. */
void NAMED(accord_gate_backward)(T *restrict to_gate, T *restrict to_up, int64_t apart, T *restrict again,
                                 const T *restrict gradient, const T *restrict gate, const T *restrict up,
                                 int64_t stride, int64_t rows, int64_t width, int threads) {
    (void)threads;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *gates = gate + row * stride, *ups = up + row * stride, *g = gradient + row * width;
        T *to_gates = to_gate + row * apart, *to_ups = to_up + row * apart, *out = again + row * width;
        _Pragma("omp simd")
        for (int64_t i = 0; i < width; i++) {
            float value = NAMED(wide)(gates[i]), other = NAMED(wide)(ups[i]), due = NAMED(wide)(g[i]);
            float share = 1.0f / (1.0f + exponential(-value)), silu = value * share;
            to_gates[i] = NAMED(narrow)(due * other * (share + silu * (1.0f - share)));
            to_ups[i] = NAMED(narrow)(due * silu);
            out[i] = NAMED(narrow)(silu * other);
        }
    }
}

INLINE void NAMED(turn)(T *restrict to, const T *restrict from, const T *restrict cos, const T *restrict sin,
                        int64_t half) {
    _Pragma("omp simd")
    for (int64_t i = 0; i < half; i++) {
        float low = NAMED(wide)(from[i]), high = NAMED(wide)(from[i + half]);
        to[i] = NAMED(narrow)(low * NAMED(wide)(cos[i]) - high * NAMED(wide)(sin[i]));
        to[i + half] = NAMED(narrow)(high * NAMED(wide)(cos[i + half]) + low * NAMED(wide)(sin[i + half]));
    }
}

INLINE void NAMED(turn_back)(T *restrict to, const T *restrict from, const T *restrict cos, const T *restrict sin,
                             int64_t half) {
    _Pragma("omp simd")
    for (int64_t i = 0; i < half; i++) {
        float low = NAMED(wide)(from[i]), high = NAMED(wide)(from[i + half]);
        to[i] = NAMED(narrow)(low * NAMED(wide)(cos[i]) + high * NAMED(wide)(sin[i + half]));
        to[i + half] = NAMED(narrow)(high * NAMED(wide)(cos[i + half]) - low * NAMED(wide)(sin[i]));
    }
}

/* heads [B, T, H + 2 K, D] to query [B, H, T, D], key and value [B, K, T, D]; cos and sin [B, T, D]. */
void NAMED(accord_turn_forward)(T *restrict query, T *restrict key, T *restrict value, const T *restrict heads,
                                const T *restrict cos, const T *restrict sin, int64_t batch, int64_t tokens,
                                int64_t queries, int64_t keys, int64_t width, int threads) {
    int64_t count = queries + 2 * keys;
    (void)threads;
    SHARED
    for (int64_t place = 0; place < batch * tokens; place++) {
        int64_t b = place / tokens, t = place % tokens;
        const T *from = heads + place * count * width, *c = cos + place * width, *s = sin + place * width;
        for (int64_t head = 0; head < queries; head++)
            NAMED(turn)(query + ((b * queries + head) * tokens + t) * width, from + head * width, c, s, width / 2);
        for (int64_t head = 0; head < keys; head++) {
            int64_t to = ((b * keys + head) * tokens + t) * width;
            NAMED(turn)(key + to, from + (queries + head) * width, c, s, width / 2);
            memcpy(value + to, from + (queries + keys + head) * width, (size_t)width * sizeof(T));
        }
    }
}

void NAMED(accord_turn_backward)(T *restrict to_heads, const T *restrict query, const T *restrict key,
                                 const T *restrict value, const T *restrict cos, const T *restrict sin, int64_t batch,
                                 int64_t tokens, int64_t queries, int64_t keys, int64_t width, int threads) {
    int64_t count = queries + 2 * keys;
    (void)threads;
    SHARED
    for (int64_t place = 0; place < batch * tokens; place++) {
        int64_t b = place / tokens, t = place % tokens;
        const T *c = cos + place * width, *s = sin + place * width;
        T *to = to_heads + place * count * width;
        for (int64_t head = 0; head < queries; head++)
            NAMED(turn_back)(to + head * width, query + ((b * queries + head) * tokens + t) * width, c, s, width / 2);
        for (int64_t head = 0; head < keys; head++) {
            int64_t from = ((b * keys + head) * tokens + t) * width;
            NAMED(turn_back)(to + (queries + head) * width, key + from, c, s, width / 2);
            memcpy(to + (queries + keys + head) * width, value + from, (size_t)width * sizeof(T));
        }
    }
}

/* Of each row of logits / temperature: log sum exp, the log-probability of its target and, where it is asked for, the
   entropy, in which a logit of -infinity counts nothing. */
void NAMED(accord_choose_forward)(float *restrict chosen, float *restrict total, float *restrict entropy,
                                  const T *restrict logits, const int64_t *restrict target, int64_t rows, int64_t width,
                                  float temperature, int threads) {
    (void)threads;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *x = logits + row * width;
        float most = -INFINITY;
        _Pragma("omp simd reduction(max : most)")
        for (int64_t i = 0; i < width; i++)
            most = NAMED(wide)(x[i]) > most ? NAMED(wide)(x[i]) : most;
        double sum = 0.0, weighed = 0.0;
        most /= temperature;
        for (int64_t first = 0; first < width; first += BLOCK) {
            int64_t end = first + BLOCK < width ? first + BLOCK : width;
            float part = 0.0f, scores = 0.0f;
            _Pragma("omp simd reduction(+ : part)")
            for (int64_t i = first; i < end; i++)
                part += vanishing(NAMED(wide)(x[i]) / temperature - most);
            if (entropy) {
                _Pragma("omp simd reduction(+ : scores)")
                for (int64_t i = first; i < end; i++) {
                    float below = NAMED(wide)(x[i]) / temperature - most;
                    scores += below < -87.0f ? 0.0f : vanishing(below) * below;
                }
            }
            sum += part;
            weighed += scores;
        }
        total[row] = (float)(most + log(sum));
        chosen[row] = (float)(NAMED(wide)(x[target[row]]) / temperature - most - log(sum));
        if (entropy)
            entropy[row] = (float)(log(sum) - weighed / sum);
    }
}

/* weight / temperature (one-hot - softmax). */
void NAMED(accord_choose_backward)(T *restrict out, const T *restrict logits, const int64_t *restrict target,
                                   const float *restrict total, const float *restrict weight, int64_t rows,
                                   int64_t width, float temperature, int threads) {
    (void)threads;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *x = logits + row * width;
        T *to = out + row * width;
        float by = weight[row] / temperature, all = total[row];
        _Pragma("omp simd")
        for (int64_t i = 0; i < width; i++)
            to[i] = NAMED(narrow)(-by * vanishing(NAMED(wide)(x[i]) / temperature - all));
        float chosen = vanishing(NAMED(wide)(x[target[row]]) / temperature - all);
        to[target[row]] = NAMED(narrow)(by * (1.0f - chosen));
    }
}
