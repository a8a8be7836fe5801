"""Characters outside ASCII as LaTeX writes them, in mathematics and in running text."""

from __future__ import annotations

from gradwright.notation.lexer import LOWERED, RAISED

GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon",
    "ζ": r"\zeta", "η": r"\eta", "θ": r"\theta", "ι": r"\iota", "κ": r"\kappa", "λ": r"\lambda",
    "μ": r"\mu", "ν": r"\nu", "ξ": r"\xi", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma",
    "ς": r"\varsigma", "τ": r"\tau", "υ": r"\upsilon", "φ": r"\varphi", "χ": r"\chi",
    "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta",
    "Λ": r"\Lambda", "Ξ": r"\Xi", "Π": r"\Pi", "Σ": r"\Sigma", "Υ": r"\Upsilon", "Φ": r"\Phi",
    "Ψ": r"\Psi", "Ω": r"\Omega",
    # These look like Latin letters and TeX has no command for them; upright keeps them apart.
    "Α": r"\mathrm{A}", "Β": r"\mathrm{B}", "Ε": r"\mathrm{E}", "Ζ": r"\mathrm{Z}",
    "Η": r"\mathrm{H}", "Ι": r"\mathrm{I}", "Κ": r"\mathrm{K}", "Μ": r"\mathrm{M}",
    "Ν": r"\mathrm{N}", "Ο": r"\mathrm{O}", "Ρ": r"\mathrm{P}", "Τ": r"\mathrm{T}",
    "Χ": r"\mathrm{X}", "ο": r"\mathrm{o}",
}  # fmt: skip

#: Estimates and the ellipsis, which are names of their own.
ACCENTED = {"ŷ": r"\hat{y}", "Ŷ": r"\hat{Y}", "⋯": r"\cdots"}

_SIGNS = {
    "⊙": r"\odot", "⊘": r"\oslash", "⊗": r"\otimes", "∘": r"\circ", "·": r"\cdot", "×": r"\times",
    "±": r"\pm", "−": "-", "→": r"\to", "≠": r"\neq", "≤": r"\leq", "≥": r"\geq", "≈": r"\approx",
    "∞": r"\infty", "∈": r"\in", "ℝ": r"\mathbb{R}", "∂": r"\partial", "∇": r"\nabla",
    "∑": r"\sum", "∏": r"\prod", "√": r"\surd", "‖": r"\Vert", "⊤": r"\top", "′": r"\prime",
    "⎛": "(", "⎜": r"\vert", "⎝": "(", "⎞": ")", "⎟": r"\vert", "⎠": ")",
    "⟨": r"\langle", "⟩": r"\rangle", "⋮": r"\vdots", "⋯": r"\cdots", "⋱": r"\ddots",
    "•": r"\bullet", "∙": r"\bullet", "⋅": r"\cdot", "∗": r"\ast", "↦": r"\mapsto",
    "ℓ": r"\ell", "ℰ": r"\mathcal{E}", "ℒ": r"\mathcal{L}", "𝒜": r"\mathcal{A}", "𝟙": r"\mathbf{1}",
    "⟦": r"\llbracket", "⟧": r"\rrbracket", "ϕ": r"\phi", "ϵ": r"\epsilon",
    # In running text, TeX's own encoding has other characters in the place of these three.
    "<": "<", ">": ">", "|": "|",
}  # fmt: skip
_RAISED = {**RAISED, "ᵀ": r"\top"}
_LOWERED = {**LOWERED, "ₘ": "m", "ₛ": "s", "ₜ": "t"}

#: Every character that running text cannot hold as it is.
TEXT = {
    **{sign: f"${written}$" for sign, written in {**GREEK, **_SIGNS}.items()},
    **{sign: f"$^{{{written}}}$" for sign, written in _RAISED.items()},
    **{sign: f"$_{{{written}}}$" for sign, written in _LOWERED.items()},
    "…": r"\dots{}", "’": "'", "“": "``", "”": "''", "–": "--", "—": "---",
    "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
}  # fmt: skip
