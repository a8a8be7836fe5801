"""Names that mean something in C: files and functions of a module have others."""

from __future__ import annotations

import re

#: The headers of the C library (C23, 7.1.2), and the one that glibc's include. A file of that name
#: in a folder that the compiler looks in hides the library's.
HEADERS = frozenset(
    [
        "assert",
        "complex",
        "ctype",
        "errno",
        "fenv",
        "float",
        "inttypes",
        "iso646",
        "limits",
        "locale",
        "math",
        "setjmp",
        "signal",
        "stdalign",
        "stdarg",
        "stdatomic",
        "stdbit",
        "stdbool",
        "stdckdint",
        "stddef",
        "stdint",
        "stdio",
        "stdlib",
        "stdnoreturn",
        "string",
        "tgmath",
        "threads",
        "time",
        "uchar",
        "wchar",
        "wctype",
        "features",
    ]
)

#: The keywords of C that begin with a letter (C23, 6.4.1), and asm, which compilers add.
KEYWORDS = frozenset(
    [
        "alignas",
        "alignof",
        "asm",
        "auto",
        "bool",
        "break",
        "case",
        "char",
        "const",
        "constexpr",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "false",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "nullptr",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "static_assert",
        "struct",
        "switch",
        "thread_local",
        "true",
        "typedef",
        "typeof",
        "typeof_unqual",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
    ]
)

#: Macros of math.h, stddef.h and stdint.h (C99, 7.12, 7.17, 7.18; C23, 7.12), and of compilers.
MACROS = frozenset(
    [
        *("HUGE", "HUGE_VAL", "HUGE_VALF", "HUGE_VALL", "INFINITY", "MAXFLOAT", "NAN", "NULL"),
        *("fpclassify", "iscanonical", "iseqsig", "isfinite", "isgreater", "isgreaterequal"),
        *("isinf", "isless", "islessequal", "islessgreater", "isnan", "isnormal", "issignaling"),
        *("issubnormal", "isunordered", "iszero", "math_errhandling", "offsetof", "signbit"),
        *("DOMAIN", "OVERFLOW", "PLOSS", "SING", "TLOSS", "UNDERFLOW", "X_TLOSS"),
        *("i386", "linux", "unix"),
    ]
)

#: How families of such macros begin.
FAMILIES = re.compile(
    r"(FP|MATH|M|PTRDIFF|SIG|SIZE|WCHAR|WINT)_|SNAN|U?INT(\d|MAX|PTR|_(FAST|LEAST))"
)

#: What macros of the C library begin with (C23, 7.33): FE_, LC_ and SIG_ and a capital letter.
PREFIXES = frozenset({"fe", "lc", "sig"})


def meaning(name: str) -> str:
    """What a name means in C, in words; "" where it means nothing."""
    small = name.lower()
    if small in HEADERS:
        return f"{small}.h is a header of the C library"
    if small in PREFIXES:
        return f"the C library keeps names that begin with {small.upper()}_ for itself"
    return f"{name} is a keyword of C" if name in KEYWORDS else ""
