"""The right formulas of the five notes, as they stand there, and what they are about."""

from __future__ import annotations

from dataclasses import dataclass, field

import gradwright as gw


@dataclass(frozen=True, slots=True)
class About:
    """What the formulas of a block are about: a network in a notation, or declared symbols."""

    network: gw.Network | None = None
    notation: str | None = None
    declared: dict[str, str] = field(default_factory=dict)

    def check(self, text: str) -> gw.EquationsReport:
        """The report on a text."""
        if self.network is None:
            return gw.check_equations(text, **self.declared)
        return gw.check_equations(text, self.network, notation=self.notation)


MAPS = About(
    declared={"x": "vector n", "W": "matrix m n", "f": "map n m", "g": "map m k", "z": "scalar"}
)
PLAIN_000 = About(
    gw.Network("4 -> 3 tanh no_bias -> 5 tanh no_bias -> 2 no_bias", "squared_error", "sum"), "000"
)
SCALAR = About(declared={"x": "scalar", "L": "scalar", "z": "scalar"})
QUADRATIC = About(declared={"x": "vector n", "A": "matrix n n", "a": "matrix n n"})
NET_001 = About(gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", "cross_entropy", "sum"))
NET_002 = About(
    gw.Network("3 -> 4 tanh -> 5 tanh -> 2 tanh", "squared_error", "sum"), "002"
)
NET_003 = About(
    gw.Network("2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid", "binary_cross_entropy", "sum"), "003"
)
LINEAR_003 = About(gw.Network("2 -> 3 no_bias -> 2 no_bias -> 4 no_bias", "squared_error"), "003")
CLASSES_003 = About(gw.Network("3 -> 4 relu -> 10 softmax", "cross_entropy", "sum"), "003")
NET_004 = About(
    gw.Network(
        "3 -> 4 tanh no_bias -> 5 sigmoid no_bias -> 2 tanh no_bias", "squared_error", "sum"
    ),
    "004",
)

RIGHT: dict[str, tuple[About, str]] = {
    "000:10-12": (SCALAR, r"""
$$\varphi(z) = \max(z, 0) + 0.1 \cdot \min(z, 0)$$
$$\varphi'(z) = \begin{cases} 1 & \text{if } z \geq 0 \\ 0.1 & \text{if } z < 0 \end{cases}$$
"""),
    "000:26": (MAPS, r"$$\frac{d}{dx} g(f(x)) = J_{(g \circ f)}(x) = J_g(f(x)) \cdot J_f(x)$$"),
    "000:28-30": (
        About(declared={"x": "vector n", "W": "matrix m n"}),
        r"""
$$f(x) = Wx, \quad W \in \mathbb{R}^{m \times n}$$
$$J_f(x) = W$$
""",
    ),
    "000:42-44": (
        About(declared={"x": "vector n", "W": "matrix m n"}),
        r"""
$$f(x) = \varphi(Wx)$$
$$J_f(x) = J_\varphi(\underbrace{Wx}_z) \cdot J_W(x) = \text{diag}(\varphi'(\underbrace{Wx}_z)) \cdot W$$
""",
    ),
    "000:52-54": (PLAIN_000, r"""
$$\frac{\partial L}{\partial W^{(L)}} = \frac{\partial L}{\partial f} \frac{\partial f}{\partial W^{(L)}}$$
$$\frac{\partial L}{\partial W^{(L-1)}} = \frac{\partial L}{\partial f} \frac{\partial f}{\partial z^{(L-1)}} \frac{\partial z^{(L-1)}}{\partial W^{(L-1)}}$$
$$\frac{\partial L}{\partial W^{(1)}} = \frac{\partial L}{\partial f} \frac{\partial f}{\partial z^{(2)}} \frac{\partial z^{(2)}}{\partial z^{(1)}} \frac{\partial z^{(1)}}{\partial W^{(1)}}$$
"""),
    "001:3": (SCALAR, r"""
$$\frac{\partial}{\partial x} \max(0, x) = \begin{cases} 0, & x < 0 \\ 1, & x > 0 \end{cases}$$
"""),
    "001:9-15": (SCALAR, r"""
$$\frac{\partial}{\partial x} \frac{1}{1+e^{-x}} = \frac{\partial}{\partial x} (1+e^{-x})^{-1} =$$
$$= -(1+e^{-x})^{-2} \cdot e^{-x} \cdot (-1) =$$
$$= \frac{e^{-x}}{(1+e^{-x})^2} = \frac{1}{1+e^{-x}} \cdot \frac{e^{-x}}{1+e^{-x}} =$$
$$= \sigma(x) [1 - \sigma(x)]$$
"""),
    "001:17-23": (SCALAR, r"""
$$\frac{d}{dx} \frac{e^x - e^{-x}}{e^x + e^{-x}} =$$
$$\frac{(e^x - e^{-x})'(e^x + e^{-x}) - (e^x - e^{-x})(e^x + e^{-x})'}{(e^x + e^{-x})^2} =$$
$$= \frac{(e^x + e^{-x})^2 - (e^x - e^{-x})^2}{(e^x + e^{-x})^2}$$
$$= 1 - \left(\frac{e^x - e^{-x}}{e^x + e^{-x}} \right)^2 = 1 - \tanh^2(x)$$
"""),
    "001:25-33": (QUADRATIC, r"""
$$f(x) = x^T a x, a \in \mathbb{R}^{n \times n}$$
$$x^T a x = \sum_{i=1}^N \sum_{j=1}^N a_{ij} x_i x_j$$
$$\frac{\partial f}{\partial x_k} = \sum_{j=1}^N a_{kj} x_j + \sum_{i=1}^N a_{ik} x_i$$
$$\nabla_{x} f = a x + a^T x = (a + a^T) x$$
"""),
    "001:41-71": (NET_001, r"""
$$X \in \mathbb{R}^{n \times 3}$$
$$W_1^{3 \times 10}$$
$$b_1^{1 \times 10}$$
$$Z_1^{n \times 10}$$
$$\text{ReLU}(Z_1) = A_1$$
$$\text{ReLU}(Z_2) = A_2$$
$$Z_3^{n \times 3}$$
$$\text{Softmax}(Z_3) = \hat{y}^{n \times 3}$$
"""),
    "001:82-98": (NET_001, r"""
$$L = - \sum_{i=1}^k y_i \log \hat{y}_i$$
$$\frac{\partial L}{\partial z_r} = \sum_{i=1}^k \frac{\partial L}{\partial \hat{y}_i} \frac{\partial \hat{y}_i}{\partial z_r}$$
$$\frac{\partial L}{\partial \hat{y}_i} = \frac{\partial}{\partial \hat{y}_i} \left(- \sum_{j=1}^K y_j \log \hat{y}_j \right) = - \frac{y_i}{\hat{y}_i}$$
"""),
    "001:100": (NET_001, r"""
$$\frac{\partial \hat{y}_i}{\partial z_r} = \frac{\partial}{\partial z_r} \left(\frac{\exp(z_i)}{\sum_{j=1}^K \exp(z_j)} \right)$$
"""),
    "001:104-112, r = i": (NET_001, r"""
$$\frac{\partial \hat{y}_i}{\partial z_r} = \frac{\exp(z_r) \sum_{j=1}^K \exp(z_j) - \exp(z_r) \exp(z_r)}{\left(\sum_{j=1}^K \exp(z_j) \right)^2}, r = i$$
$$\frac{\partial \hat{y}_i}{\partial z_r} = \frac{\exp(z_r) \sum_{j=1}^K \exp(z_j)}{\left(\sum_{j=1}^K \exp(z_j) \right)^2} - \frac{\exp(z_r) \exp(z_r)}{\left(\sum_{j=1}^K \exp(z_j) \right)^2}, r = i$$
$$\frac{\partial \hat{y}_i}{\partial z_r} = \frac{\exp(z_r)}{\sum_{j=1}^K \exp(z_j)} - \left(\frac{\exp(z_r)}{\sum_{j=1}^K \exp(z_j)} \right)^2, r = i$$
$$\frac{\partial \hat{y}_i}{\partial z_r} = \frac{\exp(z_r)}{\sum_{j=1}^k \exp(z_j)} \left(1 - \frac{\exp(z_r)}{\sum_{j=1}^k \exp(z_j)} \right), r = i$$
$$\frac{\partial \hat{y}_i}{\partial z_r} = \hat{y}_r (1 - \hat{y}_r), r = i$$
"""),
    "001:114-120, i ≠ r": (NET_001, r"""
$$\frac{\partial \hat{y}_i}{\partial z_r} = \frac{0 \cdot \sum_{j=1}^k \exp(z_j) - \exp(z_r) \cdot \exp(z_i)}{\left(\sum_{j=1}^k \exp(z_j) \right)^2} = \frac{-\exp(z_r) \cdot \exp(z_i)}{\left(\sum_{j=1}^k \exp(z_j) \right)^2} = -\hat{y}_r \cdot \hat{y}_i, i \neq r$$
"""),
    "001:124-141": (NET_001, r"""
$$\frac{\partial L}{\partial z_r} = \sum_{i=1}^K \frac{\partial L}{\partial \hat{y}_i} \cdot \frac{\partial \hat{y}_i}{\partial z_r} =$$
$$= \left(\sum_{\substack{i=1, \\ i \neq r}}^K -\frac{y_i}{\hat{y}_i} \cdot (-\hat{y}_r \cdot \hat{y}_i) \right) +$$
$$+ \left(-\frac{y_r}{\hat{y}_r} \right) \cdot \hat{y}_r \cdot (1 - \hat{y}_r) =$$
$$= \left(\sum_{\substack{i=1 \\ i \neq r}}^K y_i \hat{y}_r \right) + (-y_r + y_r \hat{y}_r)$$
$$= \left(\hat{y}_r \sum_{\substack{i=1 \\ i \neq r}}^K y_i \right) - y_r + y_r \hat{y}_r =$$
$$= -y_r + \hat{y}_r \sum_{\substack{i=1 \\ i \neq r}}^K y_i + \hat{y}_r y_r$$
$$= -y_r + \hat{y}_r \left(\sum_{\substack{i=1 \\ i \neq r}}^K y_i + y_r \right)$$
$$= \hat{y}_r - y_r$$
"""),
    "001:145-161": (NET_001, r"""
$$Z_3 = A_2 W_3 + b_3$$
$$\frac{\partial L}{\partial W_3} = \frac{\partial L}{\partial Z_3} \cdot \frac{\partial Z_3}{\partial W_3} = A_2^T \cdot \frac{\partial L}{\partial Z_3}$$
$$\frac{\partial L}{\partial A_2} = \frac{\partial L}{\partial Z_3} \cdot W_3^T$$
$$\left(\frac{\partial L}{\partial b_3}\right)_k = \sum_i \frac{\partial L}{\partial Z_{3ik}}$$
$$A_2 = \text{ReLU}(Z_2) = \max(Z_2, 0)$$
$$Z_2 = A_1 W_2 + b_2$$
$$\frac{\partial L}{\partial Z_2} = \frac{\partial L}{\partial A_2} \cdot \frac{\partial A_2}{\partial Z_2} = \frac{\partial L}{\partial A_2} \cdot \begin{cases} 1, Z_2 > 0 \\ 0, Z_2 \leq 0 \end{cases}$$
$$\frac{\partial \text{ReLU}(Z_2)}{\partial Z_2} = \begin{cases} 1, Z_2 > 0 \\ 0, Z_2 \leq 0 \end{cases}$$
"""),
    "002:82-90": (NET_002, r"""
$$\frac{\partial \mathcal{E}}{\partial w_{ji}^r} = y_i^{r-1} \frac{\partial \mathcal{E}}{\partial v_j^r} = y_i^{r-1} \delta_j^r$$
$$\frac{\partial \mathcal{E}}{\partial y_j^r} = \sum_k w_{kj}^{r+1} f'(v_k^{r+1}) \frac{\partial \mathcal{E}}{\partial y_k^{r+1}}$$
$$\delta_j^r = \frac{\partial \mathcal{E}}{\partial v_j^r} = f'(v_j^r) \sum_k w_{kj}^{r+1} f'(v_k^{r+1}) \frac{\partial \mathcal{E}}{\partial y_k^{r+1}} = f'(v_j^r) \boxed{\sum_k w_{kj}^{r+1} \delta_k^{r+1}} = f'(v_j^r) e_j^r$$
"""),
    "003:9-13": (
        About(gw.Network("4 -> 1 sigmoid", "binary_cross_entropy", layout="transposed")),
        r"""
$$z = x^T w + b$$
$$g(z) = \frac{1}{1 + e^{-z}}$$
""",
    ),
    "003:36-58": (NET_003, r"""
$$x = a^{[0]}$$
$$z_1^{[1]} = \sum_j w_{1j}^{[1]} a_j^{[0]} + b_1^{[1]}$$
$$a_1^{[1]} = g(z_1^{[1]})$$
$$z^{[1]} = W^{[1]} a^{[0]} + b^{[1]}$$
$$a^{[1]} = g(z^{[1]})$$
$$z^{[2]} = W^{[2]} a^{[1]} + b^{[2]}$$
$$a^{[2]} = g(z^{[2]})$$
$$z^{[3]} = W^{[3]} a^{[2]} + b^{[3]}$$
$$a^{[3]} = g(z^{[3]})$$
"""),
    "003:65, without biases": (LINEAR_003, r"""
$$\tilde{W} = W^{[3]} W^{[2]} W^{[1]}$$
$$\begin{aligned}
 a^{[3]} &= W^{[3]} a^{[2]} \\
 &= W^{[3]} z^{[2]} \\
 &= W^{[3]} W^{[2]} a^{[1]} \\
 &= W^{[3]} W^{[2]} z^{[1]} = W^{[3]} W^{[2]} W^{[1]} x \\
 &= \tilde{W} x
 \end{aligned}$$
"""),
    "003:74-82": (SCALAR, r"""
$$\sigma(z) = \frac{1}{1+e^{-z}}$$
$$\tanh(z) = \frac{e^z - e^{-z}}{e^z + e^{-z}}$$
$$\text{relu}(z) = \max(z, 0)$$
"""),
    "003:98-108": (NET_003, r"""
$$a^{[L]} = g(z^{[L]})$$
$$\hat{y}^{(i)} = a^{[L]}$$
$$L(y^{(i)}, \hat{y}^{(i)}) = -[y^{(i)} \log \hat{y}^{(i)} + (1 - y^{(i)}) \log (1 - \hat{y}^{(i)})]$$
$$W^{[l]} := W^{[l]} - \alpha \cdot \frac{\partial L}{\partial W^{[l]}}$$
$$b^{[l]} := b^{[l]} - \alpha \cdot \frac{\partial L}{\partial b^{[l]}}$$
"""),
    "003:145-149": (NET_003, r"""
$$\begin{aligned} \frac{\partial \mathcal{L}}{\partial z^{[3]}} &= \frac{\partial}{\partial z^{[3]}} [-y \log \hat{y} - (1-y) \log(1-\hat{y})] \\ &= \frac{\partial}{\partial z^{[3]}} \left[-y \log(\sigma(z^{[3]})) - (1-y) \log(1-\sigma(z^{[3]})) \right] \end{aligned}$$
$$= a^{[3]} - y$$
$$\begin{aligned} \frac{\partial \mathcal{L}}{\partial W_{ij}^{[2]}} &= \frac{\partial \mathcal{L}}{\partial a^{[3]}} \cdot \frac{\partial a^{[3]}}{\partial W_{ij}^{[2]}} \\ &= \frac{\partial \mathcal{L}}{\partial a^{[3]}} \cdot \frac{\partial a^{[3]}}{\partial z^{[3]}} \cdot \frac{\partial z^{[3]}}{\partial W_{ij}^{[2]}} \end{aligned}$$
"""),
    "003:153-166": (NET_003, r"""
$$\frac{\partial \mathcal{L}}{\partial W_{ij}^{[2]}} = \frac{\partial \mathcal{L}}{\partial a^{[3]}} \cdot \frac{\partial a^{[3]}}{\partial z^{[3]}} \cdot \frac{\partial z^{[3]}}{\partial a^{[2]}} \cdot \frac{\partial a^{[2]}}{\partial z^{[2]}} \cdot \frac{\partial z^{[2]}}{\partial W_{ij}^{[2]}}$$
$$\frac{\partial \mathcal{L}}{\partial W_{ij}^{[2]}} = \left[(a^{[3]} - y) W^{[3]} \circ g'(z^{[2]})^T \right]_i a_j^{[1]}$$
$$\frac{\partial \mathcal{L}}{\partial W^{[2]}} = \left(W^{[3]T} (a^{[3]} - y) \circ g'(z^{[2]})\right) a^{[1]T}$$
"""),
    "003:181-187": (NET_003, r"""
$$a_i^{[2]} = g(z_i^{[2]})$$
$$\frac{\partial a_j^{[2]}}{\partial z_i^{[2]}} = 0 ; i \neq j$$
$$\boxed{\frac{\partial z^{[L-1]}}{\partial a^{[L-2]}} = W^{[L-1]}}$$
$$z^{[L-1]} = W^{[L-1]} \cdot a^{[L-2]} + b^{[L-1]}$$
"""),
    "003:228, with its sign and hat": (CLASSES_003, r"$$L = - \sum_{i=1}^n y_i \log \hat{y}_i$$"),
    "004:20-34": (NET_004, r"""
$$\mathbf{z}^{(1)} = \mathcal{A}^{(1)}(\mathbf{w}^{(1)T}\mathbf{x})$$
$$\mathbf{z}^{(2)} = \mathcal{A}^{(2)}(\mathbf{w}^{(2)T}\mathbf{z}^{(1)})$$
$$\mathbf{z}^{(j)} = \mathcal{A}^{(j)} (\mathbf{w}^{(j)T} \mathbf{z}^{(j-1)})$$
$$\mathbf{y}^* = \mathcal{A}^{(K)} \left(\mathbf{w}^{(K)T} \mathbf{z}^{(K-1)} \right)$$
$$= \mathcal{A}^{(K)} \left(\mathbf{w}^{(K)T} \mathcal{A}^{(K-1)} \left(\mathbf{w}^{(K-1)T} \mathbf{z}^{(K-2)} \right) \right)$$
"""),
    "004:48": (NET_004, r"""
$$\frac{\partial \mathcal{L}}{\partial \mathbf{w}^{(1)}} = \frac{\partial \mathcal{L}}{\partial \mathbf{y}^*} \frac{\partial \mathbf{y}^*}{\partial \mathbf{w}^{(1)}}
= \frac{\partial \mathcal{L}}{\partial \mathbf{y}^*} \frac{\partial \mathbf{y}^*}{\partial \mathbf{z}^{(K-1)}} \frac{\partial \mathbf{z}^{(K-1)}}{\partial \mathbf{w}^{(1)}}
= \frac{\partial \mathcal{L}}{\partial \mathbf{y}^*} \frac{\partial \mathbf{y}^*}{\partial \mathbf{z}^{(K-1)}} \frac{\partial \mathbf{z}^{(K-1)}}{\partial \mathbf{z}^{(K-2)}} \frac{\partial \mathbf{z}^{(K-2)}}{\partial \mathbf{w}^{(1)}}$$
"""),
    "004:66-69": (NET_004, r"""
$$\frac{\partial \mathbf{z}^{(j+1)}}{\partial \mathbf{z}^{(j)}} = \frac{\partial \left(\mathcal{A}^{(j+1)} \left(\mathbf{w}^{(j+1)T} \mathbf{z}^{(j)} \right) \right)}{\partial \mathbf{z}^{(j)}}$$
$$= \operatorname{diag} \left[\mathcal{A}^{(j+1)'} \left(\mathbf{w}^{(j+1)T} \mathbf{z}^{(j)} \right) \right] \mathbf{w}^{(j+1)T}$$
"""),
    "004:84-86": (NET_004, r"""
$$\left\| \frac{\partial \mathbf{z}^{(j+1)}}{\partial \mathbf{z}^{(j)}} \right\| = \left\| \operatorname{diag} \left[\mathbf{\mathcal{A}}^{(j+1)'} \left(\mathbf{w}^{(j+1)T} \mathbf{z}^{(j)} \right) \right] \mathbf{w}^{(j+1)T} \right\|$$
$$\leq \left\| \operatorname{diag} \left[\mathbf{\mathcal{A}}^{(j+1)'} \left(\mathbf{w}^{(j+1)T} \mathbf{z}^{(j)} \right) \right] \right\| \left\| \mathbf{w}^{(j+1)T} \right\|$$
"""),
}  # fmt: skip
