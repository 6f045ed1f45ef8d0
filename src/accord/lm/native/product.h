/* Matrix products of few rows, from weights where they lie. Included by kernels.c once for each type, as typed.h is.

   A tile is some rows of x times some rows of the weights: each of its sums stays in a register from the first number
   to the last. Numbers are taken in strips of two vectors; of bfloat16 these are the even and the odd ones, for then a
   shift and a mask make them wide. So every sum is the same whatever else is multiplied beside it. */

/* Rows of x in float32, strip by strip as weights are read, with zeros up to a whole strip. */
INLINE void NAMED(laid_out)(float *restrict to, const T *restrict x, int64_t rows, int64_t width, int64_t depth) {
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < depth; i += STRIP) {
            const T *from = x + row * width + i;
            T rest[STRIP] = {0};
            if (width - i < STRIP)
                from = memcpy(rest, from, (size_t)(width - i) * sizeof(T));
            lane first = NAMED(part)(from, 0), second = NAMED(part)(from, 1);
            memcpy(to + row * depth + i, &first, sizeof first);
            memcpy(to + row * depth + i + LANE, &second, sizeof second);
        }
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

INLINE void NAMED(tile)(T *restrict out, int64_t total, const float *restrict x, int64_t depth, const T *restrict weight,
                        int64_t width, const T *restrict bias, const T *restrict add, const int rows,
                        const int columns) {
    lane sum[ROWS][COLUMNS] = {0};
    int64_t whole = width - width % STRIP;
    for (int64_t i = 0; i < whole; i += STRIP) {
        for (int c = 0; c < columns; c++)
            for (int64_t line = 0; line < STRIP; line += 64 / (int64_t)sizeof(T))
                __builtin_prefetch(weight + (c + columns) * width + i + line, 0, 2); /* of the tile after this one */
        NAMED(add_strip)(sum, x + i, depth, weight + i, width, rows, columns);
    }
    if (whole < width) {
        T rest[COLUMNS][STRIP] = {{0}};
        for (int c = 0; c < columns; c++)
            memcpy(rest[c], weight + c * width + whole, (size_t)(width - whole) * sizeof(T));
        NAMED(add_strip)(sum, x + whole, depth, rest[0], STRIP, rows, columns);
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            float value = lane_sum(sum[r][c]);
            if (bias)
                value += NAMED(wide)(bias[c]);
            if (add)
                value += NAMED(wide)(add[r * total + c]);
            out[r * total + c] = NAMED(narrow)(value);
        }
}

/* `rows` rows of x (ROWS at most) by COLUMNS rows of the weights. */
INLINE void NAMED(tile_of)(T *restrict out, int64_t total, const float *restrict x, int64_t rows, int64_t depth,
                           const T *restrict weight, int64_t width, const T *restrict bias, const T *restrict add) {
    switch (rows) {
    case 1: NAMED(tile)(out, total, x, depth, weight, width, bias, add, 1, COLUMNS); break;
    case 2: NAMED(tile)(out, total, x, depth, weight, width, bias, add, 2, COLUMNS); break;
    case 3: NAMED(tile)(out, total, x, depth, weight, width, bias, add, 3, COLUMNS); break;
    case 4: NAMED(tile)(out, total, x, depth, weight, width, bias, add, 4, COLUMNS); break;
    case 5: NAMED(tile)(out, total, x, depth, weight, width, bias, add, 5, COLUMNS); break;
    default: NAMED(tile)(out, total, x, depth, weight, width, bias, add, ROWS, COLUMNS);
    }
}

/* All rows of x, in groups that are about as large, by the rows of one weight from `first` to `last`: so few that they
   are still near when the next group reads them. */
INLINE void NAMED(chunk)(T *restrict out, int64_t total, const float *restrict x, int64_t rows, int64_t depth,
                         const T *restrict weight, int64_t width, const T *restrict bias, const T *restrict add,
                         int64_t first, int64_t last) {
    int64_t groups = (rows + ROWS - 1) / ROWS;
    for (int64_t group = 0, row = 0; group < groups; group++) {
        int64_t size = rows / groups + (group < rows % groups), column = first;
        for (; column + COLUMNS <= last; column += COLUMNS)
            NAMED(tile_of)(out + row * total + column, total, x + row * depth, size, depth, weight + column * width, width,
                           bias ? bias + column : NULL, add ? add + row * total + column : NULL);
        for (; column < last; column++) /* fewer than COLUMNS are left, at the end of a weight */
            for (int64_t one = row; one < row + size; one++)
                NAMED(tile)(out + one * total + column, total, x + one * depth, depth, weight + column * width, width,
                            bias ? bias + column : NULL, add ? add + one * total + column : NULL, 1, 1);
        row += size;
    }
}

/* x W' + b, and `add` where it is there, for several W that read the same x; what they give stands side by side.

   x        [rows, width]        weights   `count` of [sizes[i], width]    biases   each NULL or [sizes[i]]
   out, add [rows, sum of sizes]           space   rows times width, up to a whole strip, in float32 */
void NAMED(accord_product)(T *out, const T *x, float *space, const T *const *weights, const T *const *biases,
                           const int64_t *sizes, int64_t count, const T *add, int64_t rows, int64_t width, int threads) {
    int64_t depth = (width + STRIP - 1) / STRIP * STRIP, total = 0, chunks = 0;
    for (int64_t i = 0; i < count; i++)
        total += sizes[i];
    int64_t near = NEAR / (width * (int64_t)sizeof(T)), each = (total + threads - 1) / threads;
    int64_t size = ((near < each ? near : each) / COLUMNS + 1) * COLUMNS;
    for (int64_t i = 0; i < count; i++)
        chunks += (sizes[i] + size - 1) / size;
    NAMED(laid_out)(space, x, rows, width, depth);
    SHARED
    for (int64_t item = 0; item < chunks; item++) {
        int64_t which = 0, chunk = item, before = 0;
        for (; chunk >= (sizes[which] + size - 1) / size; which++) {
            chunk -= (sizes[which] + size - 1) / size;
            before += sizes[which];
        }
        int64_t first = chunk * size, last = first + size < sizes[which] ? first + size : sizes[which];
        NAMED(chunk)(out + before, total, space, rows, depth, weights[which], width, biases[which],
                     add ? add + before : NULL, first, last);
    }
}
