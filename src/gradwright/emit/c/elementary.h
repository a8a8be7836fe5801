/* exp, log, tanh, log1p and expm1 without a branch and without a call, so that loops over them become
   vector code: within 4 units in the last place, right at infinities, for subnormals and for NaN.
   float: polynomials of Cephes (S. Moshier, netlib.org/cephes, expf and tanhf) and of musl's logf,
   for tanh also a rational function of its own. double: the polynomials of fdlibm (netlib.org/fdlibm, e_exp.c and
   e_log.c) and of Cephes (tanh.c). */

#ifdef DOUBLE_PRECISION

static inline uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(x) = 2^k exp(r), |r| <= log(2)/2; 2^k in two factors reaches subnormals and infinity. */
static inline real real_exp(real x)
{
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to a whole number */
    double y = x < -746.0 ? -746.0 : x;
    y = y > 710.0 ? 710.0 : y;
    const double t = y * 1.44269504088896338700 + shift;
    const double n = t - shift;
    const double high = y - n * 6.93147180369123816490e-1, low = n * 1.90821492927058770002e-10;
    const double r = high - low;
    const double z = r * r;
    double c = 4.13813679705723846039e-8;
    c = c * z - 1.65339022054652515390e-6;
    c = c * z + 6.61375632143793436117e-5;
    c = c * z - 2.77777777770155933842e-3;
    c = c * z + 1.66666666666666019037e-1;
    c = r - z * c;
    const double e = 1.0 - ((low - r * c / (2.0 - c)) - high);
    /* n + 1024 is not negative as an integer; half of it and the rest are the exponents. */
    const uint64_t k = bits_of(t) - bits_of(shift) + 2048u;
    const uint64_t half = k >> 1;
    return e * from_bits((half - 1u) << 52) * from_bits((k - half - 1u) << 52);
}

/* x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2); log(1 + f) by the odd series in
   s = f/(2 + f). */
static inline real real_log(real x)
{
    const double scaled = x < 2.2250738585072014e-308 ? x * 18014398509481984.0 : x;
    const double less = x < 2.2250738585072014e-308 ? 1077.0 : 1023.0;
    const uint64_t bits = bits_of(scaled) + (0x3FF0000000000000u - 0x3FE6A09E667F3BCDu);
    /* A whole number below 2^52 as a double: behind the bits of 2^52. */
    const double k = from_bits((bits >> 52) | 0x4330000000000000u) - 4503599627370496.0 - less;
    const double f = from_bits((bits & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu) - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s, w = z * z;
    const double even = w * (3.999999999940941908e-1
        + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
    const double odd = z * (6.666666666666735130e-1 + w * (2.857142874366239149e-1
        + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
    const double half = 0.5 * f * f;
    const double y = k * 6.93147180369123816490e-1
        - ((half - (s * (half + even + odd) + k * 1.90821492927058770002e-10)) - f);
    const double edge = x == 0.0 ? -INFINITY : (x > 0.0 ? x : NAN);
    return x > 0.0 && x < INFINITY ? y : edge;
}

/* A rational function near 0, where 1 - 2/(exp(2|x|) + 1) would cancel. */
static inline real real_tanh(real x)
{
    const double size = x < 0.0 ? -x : x, z = x * x;
    double p = -9.64399179425052238628e-1;
    p = p * z - 9.92877231001918586564e1;
    p = p * z - 1.61468768441708447952e3;
    double q = z + 1.12811678491632931402e2;
    q = q * z + 2.23548839060100448583e3;
    q = q * z + 4.84406305325125486048e3;
    const double near = x + x * (z * p / q);
    const double far = 1.0 - 2.0 / (real_exp(2.0 * size) + 1.0);
    return size < 0.625 ? near : (x < 0.0 ? -far : far);
}

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

/* tanh(h) = a/q for h = x/2, a rational function with a relative error of 2.6e-8 up to |h| = 4.52, and
   tanh(x) = 2 (a/q)/(1 + (a/q)^2), to which errors of a and q near 1 do not matter. Beyond, tanh
   is 1 to the last place; below 0.625 the polynomial of Cephes (tanhf) has fewer roundings. */
static inline real real_tanh(real x)
{
    float y = x > 9.02f ? 9.02f : x;
    y = y < -9.02f ? -9.02f : y;
    const float z = 0.25f * y * y;
    float p = 5.4973216953684857e-6f;
    p = p * z + 2.5579778446730497e-3f;
    p = p * z + 1.2596687617567068e-1f;
    p = p * z + 1.0f;
    float q = 1.7510250961238400e-4f;
    q = q * z + 2.2325041902872109e-2f;
    q = q * z + 4.5930003035302628e-1f;
    q = q * z + 1.0f;
    const float twice = y * p;
    float t = twice * q / (q * q + 0.25f * twice * twice);
    t = t > 1.0f ? 1.0f : (t < -1.0f ? -1.0f : t);
    t = x > 9.02f ? 1.0f : (x < -9.02f ? -1.0f : t);
    const float square = x * x;
    float n = -5.70498872745e-3f;
    n = n * square + 2.06390887954e-2f;
    n = n * square - 5.37397155531e-2f;
    n = n * square + 1.33314422036e-1f;
    n = n * square - 3.33332819422e-1f;
    return square < 0.390625f ? n * square * x + x : t;
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

/* log(1 + x): what is lost in 1 + x = w is made good by (x - (w - 1))/w; W. Kahan's way to use log. */
static inline real real_log1p(real x)
{
    const real w = 1 + x;
    const real lost = (x - (w - 1)) / w;
    return real_log(w) + (w > 0 && w < INFINITY ? lost : 0);
}

/* exp(x) - 1, near 0 as tanh(x/2) (exp(x) + 1), which does not cancel. */
static inline real real_expm1(real x)
{
    const real e = real_exp(x);
    const real small = real_tanh(x / 2) * (e + 1);
    return e > (real)0.5 && e < 2 ? small : e - 1;
}
