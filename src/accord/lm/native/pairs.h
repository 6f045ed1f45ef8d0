/* Strips of bfloat16 where the processor has instructions for it: pairs of numbers are multiplied and added up to sums in
   float32. Nothing is made wide, and x is read as it lies. */

INLINE void lay_strip_bf16(bf16 *restrict to, const bf16 *restrict from) { memcpy(to, from, STRIP * sizeof(bf16)); }

INLINE __m512bh pairs_at(const bf16 *x) {
    __m512bh value;
    memcpy(&value, x, sizeof value);
    return value;
}

/* One strip of each sum. */
INLINE void add_strip_bf16(lane (*restrict sum)[COLUMNS], const bf16 *restrict x, int64_t depth,
                           const bf16 *restrict weight, int64_t stride, const int rows, const int columns) {
    __m512bh own[COLUMNS];
    for (int c = 0; c < columns; c++)
        own[c] = pairs_at(weight + c * stride);
    for (int r = 0; r < rows; r++) {
        __m512bh read = pairs_at(x + r * depth);
        for (int c = 0; c < columns; c++)
            sum[r][c] = (lane)_mm512_dpbf16_ps((__m512)sum[r][c], read, own[c]);
    }
}
