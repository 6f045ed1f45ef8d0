/* The passes over gradients of type T; NAMED gives each function its name. Included by adamw.c once for each type. */

/* sums[i] becomes the sum of squares of the i-th SQUARES numbers, in float64. */
void NAMED(accord_squares)(double *restrict sums, const T *restrict gradient, int64_t size, int threads) {
    (void)threads;
    SHARED
    for (int64_t part = 0; part < (size + SQUARES - 1) / SQUARES; part++) {
        const T *from = gradient + part * SQUARES;
        int64_t count = size - part * SQUARES < SQUARES ? size - part * SQUARES : SQUARES;
        double sum[LANES] = {0}; /* in an order of its own, whatever registers there are */
        for (int64_t i = 0; i + LANES <= count; i += LANES)
            for (int lane = 0; lane < LANES; lane++)
                sum[lane] += square_of(NAMED(wide)(from[i + lane]));
        for (int64_t i = count - count % LANES; i < count; i++)
            sum[0] += square_of(NAMED(wide)(from[i]));
        sums[part] = 0.0;
        for (int lane = 0; lane < LANES; lane++)
            sums[part] += sum[lane];
    }
}

/* The numbers from `first` to `end`, some at a time that stay in the nearest cache; `shown` is NULL where the master is
   the weight itself. */
INLINE void NAMED(pass)(float *restrict master, float *restrict mean, float *restrict square, const T *restrict gradient,
                        bf16 *restrict shown, int64_t first, int64_t end, const struct adamw by, const int far,
                        const int last) {
    for (int64_t from = first; from < end; from += NEAR) {
        int64_t count = end - from < NEAR ? end - from : NEAR;
        float wide[NEAR];
        for (int64_t i = 0; i < count; i++)
            wide[i] = NAMED(wide)(gradient[from + i]);
        for (int64_t i = from; i < from + count; i++)
            master[i] = moved(master[i], mean + i, square + i, wide[i - from], by, far, last);
        if (shown)
            for (int64_t i = from; i < from + count; i++)
                shown[i] = narrow_bf16(master[i]);
    }
}

/* One step of AdamW. The last numbers that do not fill `lanes` are added up in the other order. */
void NAMED(accord_adamw)(float *restrict master, float *restrict mean, float *restrict square, const T *restrict gradient,
                         bf16 *restrict shown, int64_t size, int64_t lanes, const struct adamw *how, int threads) {
    const struct adamw by = *how;
    int64_t whole = size - size % lanes;
    (void)threads;
    SHARED
    for (int64_t first = 0; first < whole; first += PASS) {
        int64_t end = first + PASS < whole ? first + PASS : whole;
        if (by.first < 0.5f)
            NAMED(pass)(master, mean, square, gradient, shown, first, end, by, 0, 0);
        else
            NAMED(pass)(master, mean, square, gradient, shown, first, end, by, 1, 0);
    }
    if (by.first < 0.5f)
        NAMED(pass)(master, mean, square, gradient, shown, whole, size, by, 0, 1);
    else
        NAMED(pass)(master, mean, square, gradient, shown, whole, size, by, 1, 1);
}
