/* Strips of two vectors: of float32 one after the other, of bfloat16 the even and the odd numbers, for then a shift and a
   mask make them wide. Included by kernels.c once for each type, as typed.h is. */

INLINE void NAMED(lay_strip)(float *restrict to, const T *restrict from) {
    lane first = NAMED(part)(from, 0), second = NAMED(part)(from, 1);
    memcpy(to, &first, sizeof first);
    memcpy(to + LANE, &second, sizeof second);
}

/* One vector of each sum. */
INLINE void NAMED(add_part)(lane (*restrict sum)[COLUMNS], const float *restrict x, int64_t depth,
                            const T *restrict weight, int64_t stride, const int part, const int rows,
                            const int columns) {
    lane own[COLUMNS];
    for (int c = 0; c < columns; c++)
        own[c] = NAMED(part)(weight + c * stride, part);
    for (int r = 0; r < rows; r++) {
        lane read = lane_at(x + r * depth + part * LANE);
        for (int c = 0; c < columns; c++)
            sum[r][c] = lane_fma(read, own[c], sum[r][c]);
    }
}

/* One strip of each sum. */
INLINE void NAMED(add_strip)(lane (*restrict sum)[COLUMNS], const float *restrict x, int64_t depth,
                             const T *restrict weight, int64_t stride, const int rows, const int columns) {
    NAMED(add_part)(sum, x, depth, weight, stride, 0, rows, columns);
    READ_AGAIN(weight);
    NAMED(add_part)(sum, x, depth, weight, stride, 1, rows, columns);
}
