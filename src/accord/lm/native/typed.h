/* The kernels for numbers of type T; NAMED gives each function its name. Included by kernels.c once for each type. */

INLINE float NAMED(inverse_rms)(const T *x, int64_t width, float eps) {
    float sum = 0.0f;
    _Pragma("omp simd reduction(+ : sum)")
    for (int64_t i = 0; i < width; i++)
        sum += NAMED(wide)(x[i]) * NAMED(wide)(x[i]);
    return 1.0f / sqrtf(sum / (float)width + eps);
}

void NAMED(accord_norm)(T *restrict out, const T *restrict x, const T *restrict weight, int64_t rows, int64_t width,
                        float eps, int threads) {
    (void)threads;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *in = x + row * width;
        T *to = out + row * width;
        float scale = NAMED(inverse_rms)(in, width, eps);
        for (int64_t i = 0; i < width; i++)
            to[i] = NAMED(narrow)(NAMED(wide)(in[i]) * scale * NAMED(wide)(weight[i]));
    }
}

void NAMED(accord_gate)(T *restrict out, const T *restrict gate_up, int64_t rows, int64_t width, int threads) {
    (void)threads;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *gate = gate_up + 2 * row * width, *up = gate + width;
        T *to = out + row * width;
        for (int64_t i = 0; i < width; i++) {
            float value = NAMED(wide)(gate[i]);
            to[i] = NAMED(narrow)(value / (1.0f + exponential(-value)) * NAMED(wide)(up[i]));
        }
    }
}

/* A head as it is compared: normed where `weight` is there, turned by its position (the sign of a half turn is in the
   sine), times `scale`. */
INLINE void NAMED(turned)(float *restrict to, const T *restrict head, const T *weight, float eps,
                          const T *restrict cosine, const T *restrict sine, int64_t width, float scale) {
    float plain[WIDEST];
    float inverse = weight ? NAMED(inverse_rms)(head, width, eps) : 1.0f;
    for (int64_t i = 0; i < width; i++)
        plain[i] = NAMED(wide)(head[i]);
    if (weight)
        for (int64_t i = 0; i < width; i++)
            plain[i] = plain[i] * inverse * NAMED(wide)(weight[i]);
    for (int64_t i = 0, half = width / 2; i < half; i++) {
        to[i] = scale * (plain[i] * NAMED(wide)(cosine[i]) + plain[i + half] * NAMED(wide)(sine[i]));
        to[i + half] = scale * (plain[i + half] * NAMED(wide)(cosine[i + half]) + plain[i] * NAMED(wide)(sine[i + half]));
    }
}

/* Scores of `heads` queries at 2 * LANES positions from `keys` on, whose rows are `room` long; of those beyond `left`
   nothing is said, and those beyond `end` are not read. Keys that are read `next` are asked for. */
INLINE void NAMED(scored)(float (*restrict score)[BLOCK], float (*restrict query)[WIDEST], const T *restrict keys,
                          const T *next, int64_t width, int64_t room, int64_t end, const int heads) {
    floats sum[TOGETHER][2] = {0};
    if (end >= 2 * LANES)
        for (int64_t i = 0; i < width; i++) {
            __builtin_prefetch(next + i * room, 0, 2);
            floats first = NAMED(vector)(keys + i * room), second = NAMED(vector)(keys + i * room + LANES);
            for (int g = 0; g < heads; g++) {
                sum[g][0] += query[g][i] * first;
                sum[g][1] += query[g][i] * second;
            }
        }
    else
        for (int64_t i = 0; i < width; i++) {
            T part[2 * LANES] = {0};
            memcpy(part, keys + i * room, (size_t)end * sizeof(T));
            floats first = NAMED(vector)(part), second = NAMED(vector)(part + LANES);
            for (int g = 0; g < heads; g++) {
                sum[g][0] += query[g][i] * first;
                sum[g][1] += query[g][i] * second;
            }
        }
    for (int g = 0; g < heads; g++)
        memcpy(score[g], sum[g], sizeof sum[g]);
}

/* What `heads` queries read of `size` values by their weights, on top of `sum` times `kept`. Values that are read `next`
   are asked for. */
INLINE void NAMED(read)(float (*restrict sum)[WIDEST + 2 * LANES], float (*restrict weight)[BLOCK], const float *kept,
                        const T *restrict values, const T *next, int64_t width, int64_t size, const int heads) {
    for (int64_t i = 0; i < width; i += 2 * LANES) {
        floats part[TOGETHER][2];
        for (int g = 0; g < heads; g++)
            for (int half = 0; half < 2; half++)
                part[g][half] = vector_f32(sum[g] + i + half * LANES) * kept[g];
        for (int64_t t = 0; t < size; t++) {
            const T *at = values + t * width + i;
            T rest[2 * LANES] = {0};
            if (width - i < 2 * LANES)
                at = memcpy(rest, at, (size_t)(width - i) * sizeof(T));
            __builtin_prefetch(next + t * width + i, 0, 2);
            floats first = NAMED(vector)(at), second = NAMED(vector)(at + LANES);
            for (int g = 0; g < heads; g++) {
                part[g][0] += weight[g][t] * first;
                part[g][1] += weight[g][t] * second;
            }
        }
        for (int g = 0; g < heads; g++)
            memcpy(sum[g] + i, part[g], sizeof part[g]);
    }
}

/* `heads` queries of one key head over the positions from `first` to `place`. Softmax goes block by block, with the
   greatest score so far taken out. */
INLINE void NAMED(attended)(T *restrict out, float (*restrict query)[WIDEST], const T *restrict keys,
                            const T *restrict values, int64_t width, int64_t room, int64_t first, int64_t place,
                            const T *next_keys, const T *next_values, const int heads) {
    float sum[TOGETHER][WIDEST + 2 * LANES] = {{0}}, score[TOGETHER][BLOCK], greatest[TOGETHER], total[TOGETHER], kept[TOGETHER];
    for (int g = 0; g < heads; g++)
        greatest[g] = LEAST, total[g] = 0.0f;
    for (int64_t start = first; start <= place; start += BLOCK) {
        int64_t size = place + 1 - start < BLOCK ? place + 1 - start : BLOCK;
        int is_last = start + BLOCK > place;
        const T *ahead = is_last ? next_keys : keys + start + BLOCK;
        for (int64_t t = 0; t < size; t += 2 * LANES)
            NAMED(scored)((float(*)[BLOCK])(score[0] + t), query, keys + start + t, ahead + t, width, room, room - start - t,
                          heads);
        for (int g = 0; g < heads; g++) {
            for (int64_t t = size; t < BLOCK; t++)
                score[g][t] = LEAST;
            float most = greatest[g], part = 0.0f;
            _Pragma("omp simd reduction(max : most)")
            for (int t = 0; t < BLOCK; t++)
                most = score[g][t] > most ? score[g][t] : most;
            _Pragma("omp simd reduction(+ : part)")
            for (int t = 0; t < BLOCK; t++) {
                score[g][t] = exponential(score[g][t] - most);
                part += score[g][t];
            }
            kept[g] = exponential(greatest[g] - most);
            greatest[g] = most;
            total[g] = total[g] * kept[g] + part;
        }
        NAMED(read)(sum, score, kept, values + start * width, is_last ? next_values : values + (start + BLOCK) * width, width,
                    size, heads);
    }
    for (int g = 0; g < heads; g++)
        for (int64_t i = 0; i < width; i++)
            out[g * width + i] = NAMED(narrow)(sum[g][i] / total[g]);
}

/* Of each running sequence one token: its keys and values into the cache at `places`, and what its queries attend to.

   heads    [sequences, queries + 2 key heads, width], not turned yet
   keys     [slots, key heads, width, room]      values   [slots, key heads, room, width]
   window   positions that are looked back, itself included; 0 for all */
void NAMED(accord_attend)(T *out, const T *heads, T *keys, T *values, const T *query_weight, const T *key_weight,
                          float eps, const T *cosine, const T *sine, const int64_t *places, int64_t sequences,
                          int64_t key_heads, int64_t group, int64_t width, int64_t room, int64_t window, float scaling,
                          int threads) {
    (void)threads;
    int64_t queries = key_heads * group;
    SHARED
    for (int64_t item = 0; item < sequences * key_heads; item++) {
        int64_t sequence = item / key_heads, head = item % key_heads, place = places[sequence];
        int64_t first = window > 0 && place >= window ? place + 1 - window : 0;
        const T *own = heads + sequence * (queries + 2 * key_heads) * width, *cos = cosine + sequence * width,
                *sin = sine + sequence * width;
        T *key = keys + item * width * room, *value = values + item * room * width;
        const T *next_key = key + width * room, *next_value = value + room * width; /* nearly always read from their start */
        float query[TOGETHER][WIDEST];
        NAMED(turned)(query[0], own + (queries + head) * width, key_weight, eps, cos, sin, width, 1.0f);
        for (int64_t i = 0; i < width; i++)
            key[i * room + place] = NAMED(narrow)(query[0][i]);
        memcpy(value + place * width, own + (queries + key_heads + head) * width, (size_t)width * sizeof(T));
        for (int64_t from = 0; from < group; from += TOGETHER) {
            int together = group - from < TOGETHER ? (int)(group - from) : TOGETHER;
            const T *asked = own + (head * group + from) * width;
            T *to = out + (sequence * queries + head * group + from) * width;
            for (int g = 0; g < together; g++)
                NAMED(turned)(query[g], asked + g * width, query_weight, eps, cos, sin, width, scaling);
            switch (together) {
            case 1: NAMED(attended)(to, query, key, value, width, room, first, place, next_key, next_value, 1); break;
            case 2: NAMED(attended)(to, query, key, value, width, room, first, place, next_key, next_value, 2); break;
            case 3: NAMED(attended)(to, query, key, value, width, room, first, place, next_key, next_value, 3); break;
            default: NAMED(attended)(to, query, key, value, width, room, first, place, next_key, next_value, TOGETHER);
            }
        }
    }
}

/* Of each row of logits: the place of the greatest, what that is over the row's temperature, and the sums of e^(logit /
   temperature - greatest) of DRAW_BLOCK of them each, the last of fewer.

   logits   [rows, vocabulary], a row each `stride`       sums   [rows, vocabulary / DRAW_BLOCK, rounded up] */
void NAMED(accord_weigh)(int64_t *best, float *top, float *sums, const T *logits, const float *temperatures, int64_t rows,
                         int64_t vocabulary, int64_t stride, int threads) {
    (void)threads;
    int64_t blocks = (vocabulary + DRAW_BLOCK - 1) / DRAW_BLOCK;
    SHARED
    for (int64_t row = 0; row < rows; row++) {
        const T *from = logits + row * stride;
        float most = -INFINITY, temperature = temperatures[row];
        _Pragma("omp simd reduction(max : most)")
        for (int64_t i = 0; i < vocabulary; i++)
            most = NAMED(wide)(from[i]) > most ? NAMED(wide)(from[i]) : most;
        int64_t place = 0;
        while (place < vocabulary - 1 && NAMED(wide)(from[place]) != most)
            place++;
        best[row] = place;
        top[row] = most / temperature;
        for (int64_t block = 0; block < blocks; block++) {
            const T *own = from + block * DRAW_BLOCK;
            int64_t size = vocabulary - block * DRAW_BLOCK < DRAW_BLOCK ? vocabulary - block * DRAW_BLOCK : DRAW_BLOCK;
            float sum = 0.0f;
            _Pragma("omp simd reduction(+ : sum)")
            for (int64_t i = 0; i < size; i++) {
                float below = NAMED(wide)(own[i]) / temperature - top[row];
                sum += below < -87.0f ? 0.0f : exponential(below);
            }
            sums[row * blocks + block] = sum;
        }
    }
}
