"""The commands of LaTeX that formulas of this library may use, as tables."""

from __future__ import annotations

__all__ = [
    "ACCENTS",
    "ALPHABETS",
    "DELIMITERS",
    "FUNCTIONS",
    "IDENTIFIERS",
    "LIMITS",
    "OPERATORS",
    "SIZES",
    "SPACES",
    "STYLES",
]

IDENTIFIERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "partial": "∂",
    "nabla": "∇", "infty": "∞", "top": "⊤", "emptyset": "∅", "hbar": "ℏ", "imath": "ı",
    "jmath": "ȷ", "_": "_", "%": "%", "#": "#", "&": "&", "$": "$",
}  # fmt: skip
"""What is set as a letter."""

OPERATORS = {
    "cdot": "⋅", "times": "×", "odot": "⊙", "otimes": "⊗", "oplus": "⊕", "oslash": "⊘",
    "circ": "∘", "pm": "±", "mp": "∓", "div": "÷", "ast": "∗", "star": "⋆", "bullet": "∙",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "equiv": "≡", "sim": "∼", "simeq": "≃", "cong": "≅", "propto": "∝", "ll": "≪", "gg": "≫",
    "in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩",
    "setminus": "∖", "forall": "∀", "exists": "∃", "neg": "¬", "land": "∧", "lor": "∨",
    "leftarrow": "←", "gets": "←", "rightarrow": "→", "to": "→", "mapsto": "↦",
    "leftrightarrow": "↔", "Leftarrow": "⇐", "Rightarrow": "⇒", "Leftrightarrow": "⇔",
    "implies": "⟹", "iff": "⟺", "longrightarrow": "⟶", "longleftarrow": "⟵",
    "dots": "…", "ldots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "colon": ":",
    "mid": "∣", "parallel": "∥", "perp": "⊥", "prime": "′", "dagger": "†", "coloneqq": "≔",
}  # fmt: skip
"""What stands between things."""

FUNCTIONS = frozenset(
    {
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "det",
        "dim",
        "exp",
        "lg",
        "ln",
        "log",
        "sin",
        "sinh",
        "tan",
        "tanh",
    }
)
"""Named functions; their names stand upright."""

LIMITS = {
    "sum": "∑", "prod": "∏", "coprod": "∐", "int": "∫", "bigcup": "⋃", "bigcap": "⋂",
    "max": "max", "min": "min", "sup": "sup", "inf": "inf", "lim": "lim", "argmax": "arg max",
    "argmin": "arg min",
}  # fmt: skip
"""What carries its scripts below and above."""

DELIMITERS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "|": "|", "/": "/", ".": "", r"\{": "{", r"\}": "}",
    r"\|": "‖", r"\vert": "|", r"\Vert": "‖", r"\lvert": "|", r"\rvert": "|", r"\lVert": "‖",
    r"\rVert": "‖", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉",
    r"\langle": "⟨", r"\rangle": "⟩", r"\lbrace": "{", r"\rbrace": "}", r"\lbrack": "[",
    r"\rbrack": "]", r"\backslash": "∖",
}  # fmt: skip

SPACES = {
    ",": 3, ":": 4, ">": 4, ";": 5, " ": 4, "!": -3, "quad": 18, "qquad": 36, "enspace": 9,
    "thinspace": 3, "~": 4,
}  # fmt: skip
"""Widths in eighteenths of an em."""

ACCENTS = {
    "hat": ("^", False), "widehat": ("ˆ", False), "bar": ("¯", False), "overline": ("¯", False),
    "tilde": ("~", False), "widetilde": ("˜", False), "dot": ("˙", False), "ddot": ("¨", False),
    "vec": ("→", False), "check": ("ˇ", False), "overbrace": ("⏞", False),
    "underline": ("_", True), "underbrace": ("⏟", True),
}  # fmt: skip
"""Mark, and whether it stands below."""

ALPHABETS = frozenset({"mathbf", "mathbb", "mathcal", "mathit", "boldsymbol", "bm", "mathsf"})
SIZES = frozenset(
    {
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "bigr",
        "Bigl",
        "Bigr",
        "biggl",
        "biggr",
        "Biggl",
        "Biggr",
        "bigm",
    }
)
STYLES = frozenset({"displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "nonumber"})
"""Commands that change no sign, only its size or place."""
