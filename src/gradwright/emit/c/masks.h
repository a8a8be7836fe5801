/* Random words from counters, so that masks depend on seed and step alone.

   Threefry-2x32 with 20 rounds (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3,
   SC 2011): two words for each key and counter. */

static inline uint32_t turned(uint32_t word, int by)
{
    return word << by | word >> (32 - by);
}

static inline void threefry(const uint32_t *key, uint32_t one, uint32_t other, uint32_t *words)
{
    static const int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    const uint32_t keys[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDAu};
    one += keys[0];
    other += keys[1];
    for (uint32_t block = 0; block < 5; ++block) {
        for (int i = 0; i < 4; ++i) {
            one += other;
            other = turned(other, turns[block % 2][i]) ^ one;
        }
        one += keys[(block + 1) % 3];
        other += keys[(block + 2) % 3] + block + 1;
    }
    words[0] = one;
    words[1] = other;
}

/* A dropout mask, 0 with the probability `rate`, else 1/(1 - rate): `units` entries for each of n
   samples, `down` entries apart from sample to sample and `along` from unit to unit. The key comes
   from seed and step, then from the places of layer and mask; a counter makes two entries. */
static void dropout_mask(uint64_t seed, uint64_t step, uint32_t layer, uint32_t place, double rate,
                         long n, long units, long down, long along, real *M)
{
    const uint32_t start[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t least = (uint32_t)(rate * 4294967296.0);
    const real kept = (real)(1 / (1 - rate));
    uint32_t of_step[2], key[2];
    threefry(start, (uint32_t)step, (uint32_t)(step >> 32), of_step);
    threefry(of_step, layer, place, key);
    long i = 0, j = 0;
    for (long pair = 0; 2 * pair < n * units; ++pair) {
        uint32_t words[2];
        threefry(key, (uint32_t)pair, 0, words);
        for (int k = 0; k < 2 && i < n; ++k) {
            M[i * down + j * along] = words[k] >= least ? kept : 0;
            j = j + 1 < units ? j + 1 : 0;
            i += j == 0;
        }
    }
}
