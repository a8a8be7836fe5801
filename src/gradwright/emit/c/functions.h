/* Elementary functions without a branch, so that loops over them become vector code.
   float: at most 4 units in the last place, right at infinities, for subnormals and for NaN;
   polynomials of Cephes (S. Moshier, netlib.org/cephes, expf and tanhf) and of musl's logf.
   double: the C library's. */

#ifdef DOUBLE_PRECISION

static inline real real_exp(real x) { return exp(x); }
static inline real real_log(real x) { return log(x); }
static inline real real_tanh(real x) { return tanh(x); }

#else

static inline int32_t bits_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(x) = 2^k exp(r), |r| <= log(2)/2; 2^k in two factors reaches subnormals and infinity. */
static inline real real_exp(real x)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    float y = x < -104.0f ? -104.0f : x;
    y = y > 89.0f ? 89.0f : y;
    const float t = y * 1.44269504088896341f + shift;
    const float n = t - shift;
    const uint32_t k = (uint32_t)bits_of(t) - 0x4B400000u;
    const float r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t half = (int32_t)k >> 1;
    const uint32_t one = ((uint32_t)half + 127u) << 23;
    const uint32_t two = (k - (uint32_t)half + 127u) << 23;
    return p * from_bits(one) * from_bits(two);
}

/* A polynomial near 0, where 1 - 2/(exp(2|x|) + 1) would cancel. */
static inline real real_tanh(real x)
{
    const float size = x < 0.0f ? -x : x;
    const float square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    p = p * square * x + x;
    const float far = 1.0f - 2.0f / (real_exp(2.0f * size) + 1.0f);
    return size < 0.625f ? p : (x < 0.0f ? -far : far);
}

/* x = 2^k m with m from sqrt(1/2) to sqrt(2); log(m) by the odd series in s = (m - 1)/(m + 1). */
static inline real real_log(real x)
{
    const float scaled = x < 1.17549435e-38f ? x * 8388608.0f : x;
    const int32_t less = x < 1.17549435e-38f ? 23 : 0;
    const uint32_t bits = (uint32_t)bits_of(scaled) + (0x3F800000u - 0x3F3504F3u);
    const float k = (float)((int32_t)(bits >> 23) - 127 - less);
    const float f = from_bits((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    const float s = f / (2.0f + f);
    const float z = s * s, w = z * z;
    const float odd = w * (0.40000972152f + w * 0.24279078841f);
    const float even = z * (0.66666662693f + w * 0.28498786688f);
    const float half = 0.5f * f * f;
    const float y = s * (half + even + odd) + k * 9.0580006145e-6f - half + f + k * 6.9313812256e-1f;
    const float edge = x == 0.0f ? -INFINITY : (x > 0.0f ? x : NAN);
    return x > 0.0f && x < INFINITY ? y : edge;
}

#endif

/* exp of a number that is not positive: nothing overflows, and small values keep their digits. */
static inline real real_sigmoid(real x)
{
    const real e = real_exp(x < 0 ? x : -x);
    return (x < 0 ? e : 1) / (1 + e);
}

static inline real real_softplus(real x)
{
    return (x > 0 ? x : 0) + real_log1p(real_exp(x < 0 ? x : -x));
}

/* x e/(1 + e), e = exp(x), for negative x with e as the square of a number that keeps its digits.
   Far below 0, where e is 0, the factor is kept finite. */
static inline real real_silu(real x)
{
    const real y = x < -2000 ? -2000 : x;
    const real root = real_exp((real)-0.5 * real_abs(y));
    return (y < 0 ? y * root * root : y) / (1 + root * root);
}
