/* Matrix products of few rows, from weights where they lie. Included by kernels.c once for each type, as typed.h is.

   A tile is some rows of x times some rows of the weights: each of its sums stays in a register from the first number
   to the last. Numbers are taken in strips (strips.h, pairs.h), in their order. So every sum is the same whatever else
   is multiplied beside it. */

/* Rows of x as strips are read, with zeros up to a whole strip. */
INLINE void NAMED(laid_out)(S *restrict to, const T *restrict x, int64_t rows, int64_t width, int64_t depth) {
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < depth; i += STRIP) {
            const T *from = x + row * width + i;
            T rest[STRIP] = {0};
            if (width - i < STRIP)
                from = memcpy(rest, from, (size_t)(width - i) * sizeof(T));
            NAMED(lay_strip)(to + row * depth + i, from);
        }
}

/* Some rows of x by some rows of the weights. Of weights that are `ahead` those from `first` to `last` in each row are
   asked for meanwhile. */
INLINE void NAMED(tile)(float (*restrict sums)[MOST], const S *restrict x, int64_t depth, const T *restrict weight,
                        int64_t width, const T *ahead, int64_t first, int64_t last, const int rows, const int columns) {
    lane sum[ROWS][COLUMNS] = {0};
    int64_t whole = width - width % STRIP;
    for (int64_t i = 0; i < whole; i += STRIP) {
        if (i >= first && i < last)
            for (int c = 0; c < columns; c++)
                for (int64_t line = 0; line < STRIP; line += 64 / (int64_t)sizeof(T))
                    __builtin_prefetch(ahead + c * width + i + line, 0, 2);
        NAMED(add_strip)(sum, x + i, depth, weight + i, width, rows, columns);
    }
    if (whole < width) {
        T rest[COLUMNS][STRIP] = {{0}};
        for (int c = 0; c < columns; c++)
            memcpy(rest[c], weight + c * width + whole, (size_t)(width - whole) * sizeof(T));
        NAMED(add_strip)(sum, x + whole, depth, rest[0], STRIP, rows, columns);
    }
    if (columns == COLUMNS)
        for (int r = 0; r < rows; r += TALL)
            lane_sums(sums + r, sum + r, rows - r < TALL ? rows - r : TALL);
    else
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                sums[r][c] = lane_sum(sum[r][c]);
}

/* `rows` rows of x (ROWS at most) by COLUMNS rows of the weights. */
INLINE void NAMED(tile_of)(float (*restrict sums)[MOST], const S *restrict x, int64_t rows, int64_t depth,
                           const T *restrict weight, int64_t width, const T *ahead, int64_t first, int64_t last) {
    switch (rows) {
    case 1: NAMED(tile)(sums, x, depth, weight, width, ahead, first, last, 1, COLUMNS); break;
    case 2: NAMED(tile)(sums, x, depth, weight, width, ahead, first, last, 2, COLUMNS); break;
    case 3: NAMED(tile)(sums, x, depth, weight, width, ahead, first, last, 3, COLUMNS); break;
    case 4: NAMED(tile)(sums, x, depth, weight, width, ahead, first, last, 4, COLUMNS); break;
    case 5: NAMED(tile)(sums, x, depth, weight, width, ahead, first, last, 5, COLUMNS); break;
    default: NAMED(tile)(sums, x, depth, weight, width, ahead, first, last, ROWS, COLUMNS);
    }
}

/* A row of sums with what is added to it, rounded. */
INLINE void NAMED(finished)(T *out, const float *restrict sums, const T *restrict bias, const T *add,
                            int64_t size) {
    float value[MOST];
    memcpy(value, sums, (size_t)size * sizeof(float));
    if (bias)
        for (int64_t i = 0; i < size; i++)
            value[i] += NAMED(wide)(bias[i]);
    if (add)
        for (int64_t i = 0; i < size; i++)
            value[i] += NAMED(wide)(add[i]);
    for (int64_t i = 0; i < size; i++)
        out[i] = NAMED(narrow)(value[i]);
}

/* All rows of x, in groups that are about as large, by `size` rows of one weight (MOST at most): by COLUMNS of them,
   which stay near until all groups have read them, while the next ones are on their way. */
INLINE void NAMED(chunk)(T *out, int64_t total, const S *restrict x, int64_t rows, int64_t depth,
                         const T *restrict weight, int64_t width, const T *restrict bias, const T *add,
                         int64_t size) {
    int64_t groups = (rows + ROWS - 1) / ROWS, column = 0;
    float sums[HELD][MOST];
    for (; column + COLUMNS <= size; column += COLUMNS)
        for (int64_t group = 0, row = 0; group < groups; group++) {
            int64_t high = rows / groups + (group < rows % groups);
            const T *own = weight + column * width;
            NAMED(tile_of)((float(*)[MOST])(sums[row] + column), x + row * depth, high, depth, own, width,
                           own + AHEAD * COLUMNS * width, group * width / groups, (group + 1) * width / groups);
            row += high;
        }
    for (; column < size; column++) /* fewer than COLUMNS are left, at the end of a weight */
        for (int64_t row = 0; row < rows; row++)
            NAMED(tile)((float(*)[MOST])(sums[row] + column), x + row * depth, depth, weight + column * width, width,
                        weight, 0, 0, 1, 1);
    for (int64_t row = 0; row < rows; row++)
        NAMED(finished)(out + row * total, sums[row], bias, add ? add + row * total : NULL, size);
}

/* x W' + b, and `add` where it is there, for several W that read the same x; what they give stands side by side.

   x        [rows, width]        weights   `count` of [sizes[i], width]    biases   each NULL or [sizes[i]]
   out, add [rows, sum of sizes], which may be one      space   rows times width, up to a whole strip, as S */
void NAMED(accord_product)(T *out, const T *x, void *space, const T *const *weights, const T *const *biases,
                           const int64_t *sizes, int64_t count, const T *add, int64_t rows, int64_t width, int threads) {
    int64_t depth = (width + STRIP - 1) / STRIP * STRIP, total = 0;
    for (int64_t i = 0; i < count; i++)
        total += sizes[i];
    int64_t share = ((total + threads - 1) / threads + COLUMNS - 1) / COLUMNS * COLUMNS;
    NAMED(laid_out)((S *)space, x, rows, width, depth);
    SHARED
    for (int64_t thread = 0; thread < threads; thread++) {
        int64_t end = (thread + 1) * share < total ? (thread + 1) * share : total, which = 0, before = 0;
        for (int64_t at = thread * share, size; at < end; at += size) {
            for (; at >= before + sizes[which]; which++)
                before += sizes[which];
            int64_t first = at - before, left = (before + sizes[which] < end ? before + sizes[which] : end) - at;
            size = left < MOST ? left : MOST;
            for (int64_t row = 0; row < rows; row += HELD)
                NAMED(chunk)(out + row * total + at, total, (const S *)space + row * depth,
                             rows - row < HELD ? rows - row : HELD, depth, weights[which] + first * width, width,
                             biases[which] ? biases[which] + first : NULL, add ? add + row * total + at : NULL, size);
        }
    }
}
