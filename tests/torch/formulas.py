"""Thirty formulas, each with the same in PyTorch's own functions, as a user would write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn import functional

Tensor = torch.Tensor


@dataclass(frozen=True)
class Case:
    """A formula, what it is derived by, and PyTorch's version with the symbols as keywords."""

    text: str
    wrt: str
    theirs: Callable[..., Tensor]
    declared: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.wrt.split())


def case(text: str, wrt: str, theirs: Callable[..., Tensor], **declared: str) -> Case:
    return Case(text, wrt, theirs, declared)


FORMULAS = (
    case("x'*A*x", "x", lambda A, x: x @ A @ x),
    case("x'*A*x + c*b'*x", "A x", lambda A, x, b, c: x @ A @ x + c * (b @ x), b="vector n"),
    case("a'*X*b", "X", lambda a, X, b: a @ X @ b, a="vector m", b="vector n"),
    case("tr(A*X*B)", "X", lambda A, X, B: torch.trace(A @ X @ B)),
    case("tr(X'*A*X)", "X", lambda A, X: torch.trace(X.T @ A @ X)),
    case("logdet(X)", "X", lambda X: torch.linalg.slogdet(X)[1], X="invertible n n"),
    case("log(det(X'*X))", "X", lambda X: torch.logdet(X.T @ X), X="matrix 7 4"),
    case("a'*inv(X)*b", "X", lambda a, X, b: a @ torch.linalg.inv(X) @ b,
         a="vector n", b="vector n", X="invertible n n"),
    case("norm2(A*x - b)^2", "x", lambda A, x, b: (A @ x - b).square().sum(), b="vector m"),
    case("norm2(A*x - b)", "A x", lambda A, x, b: torch.linalg.norm(A @ x - b), b="vector m"),
    case("norm2(X*w - y)^2/m + c*norm2(w)^2", "w",
         lambda X, w, y, c: (X @ w - y).square().mean() + c * w.square().sum(),
         X="matrix m n", y="vector m", c="scalar"),
    case("norm2(T - U*V')^2", "U V", lambda T, U, V: (T - U @ V.T).square().sum()),
    case("sum(log(1 + exp(-y.*(X*w))))", "w",
         lambda X, w, y: functional.softplus(-y * (X @ w)).sum(), X="matrix m n", y="vector m"),
    case("sum(softplus(X*w) - y.*(X*w))", "w",
         lambda X, w, y: functional.binary_cross_entropy_with_logits(X @ w, y, reduction="sum"),
         X="matrix m n", y="vector m"),
    case("logsumexp(W*x) - y'*W*x", "W x",
         lambda W, x, y: torch.logsumexp(W @ x, 0) - y @ (W @ x), W="matrix m n", y="vector m"),
    case("-y'*log(softmax(W*x))", "W",
         lambda W, x, y: -(y @ torch.log_softmax(W @ x, 0)), y="vector m sum1"),
    case("softmax(W*x)", "x W", lambda W, x: torch.softmax(W @ x, 0)),
    case("softmax(Q*k/sqrt(n))'*V", "Q k V",
         lambda Q, k, V: torch.softmax(Q @ k / k.shape[0] ** 0.5, 0) @ V,
         Q="matrix m n", k="vector n", V="matrix m d"),
    case("tanh(W*x + b)", "W b x", lambda W, x, b: torch.tanh(W @ x + b), b="vector m"),
    case("sum(relu(W*x + b))", "W b", lambda W, x, b: torch.relu(W @ x + b).sum(), b="vector m"),
    case("v'*tanh(U*sigmoid(W*x))", "v U W",
         lambda v, U, W, x: v @ torch.tanh(U @ torch.sigmoid(W @ x)),
         v="vector k", U="matrix k m", W="matrix m n"),
    case("sum(x.*sigmoid(x))", "x", lambda x: functional.silu(x).sum()),
    case("(W*x).*sigmoid(W*x).*(V*x)", "W V x",
         lambda W, V, x: functional.silu(W @ x) * (V @ x), V="matrix m n"),
    case("x/norm2(x)", "x", lambda x: x / torch.linalg.norm(x)),
    case("u'*v/(norm2(u)*norm2(v))", "u v",
         lambda u, v: u @ v / (torch.linalg.norm(u) * torch.linalg.norm(v)), v="vector n"),
    case("exp(-norm2(x - y)^2/(2*s^2))", "x s",
         lambda x, y, s: torch.exp(-(x - y).square().sum() / (2 * s**2)), y="vector n", s="scalar"),
    case("-sum(p.*log(p))", "p", lambda p: -(p * torch.log(p)).sum(), p="vector n positive"),
    case("sum(p.*log(p./q))", "p q", lambda p, q: (p * torch.log(p / q)).sum(),
         p="vector n positive", q="vector n positive"),
    case("sum(x)^2*sum(exp(x.*y))", "x", lambda x, y: x.sum() ** 2 * torch.exp(x * y).sum()),
    case("logdet(K) + y'*inv(K)*y", "K y",
         lambda K, y: torch.linalg.slogdet(K)[1] + y @ torch.linalg.solve(K, y), K="posdef n n"),
)  # fmt: skip
