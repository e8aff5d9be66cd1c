r"""LaTeX as a language model writes it, one character at a time: `\(\frac{1}{2} \times x^2\)` -> "1 / 2 × x²".

Not a translation of mathematics into words: commands that stand for a sign become that sign, which voices know how to
say; those with a name that is a word in every language (`\pi`) become it; the rest, and what encloses formulas, is
dropped. Dollars stay where they are money: before or behind a digit.
"""

from __future__ import annotations

from agent.speaking.markdown import LONGEST_WORD

_SIGNS = {
    "times": "×", "cdot": "×", "div": "÷", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥",
    "neq": "≠", "ne": "≠", "approx": "≈", "sqrt": "√", "infty": "∞", "degree": "°", "circ": "°", "percent": "%",
    "to": ",", "rightarrow": ",", "quad": " ", "qquad": " ",
}  # fmt: skip
_NAMES = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "pi", "rho", "sigma", "tau", "phi", "chi"}
    | {"psi", "omega", "sin", "cos", "tan", "log", "ln", "lim", "max", "min"}
)
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac"})


class Formulas:
    def __init__(self) -> None:
        self._held = ""  # a backslash and what follows it; "^" or "^{"; "$"
        self._last = ""
        self._depth = 0
        self._numerators: list[int] = []  # depths at which the upper half of a fraction stands
        self._over = False  # its lower half comes next

    def push(self, char: str) -> str:
        if not self._held:
            return self._plain(char)
        held, self._held = self._held, ""
        match held[0]:
            case "\\":
                return self._command(held, char)
            case "^":
                return self._power(held, char)
            case _:
                money = char.isdecimal() or self._last.isdecimal()
                return self._put("$" if money and char != "$" else "") + ("" if char == "$" else self.push(char))

    def flush(self) -> str:
        held, self._held = self._held, ""
        return "$" if held == "$" and self._last.isdecimal() else ""

    def _plain(self, char: str) -> str:
        if char in "\\$" or (char == "^" and self._last != "["):
            self._held = char
            return ""
        if char == "{":
            self._depth += 1
            over, self._over = self._over, False
            return self._put(" / {" if over else char)
        if char == "}":
            self._over = bool(self._numerators) and self._numerators[-1] == self._depth
            if self._over:
                self._numerators.pop()
            self._depth = max(0, self._depth - 1)
        return self._put(char)

    def _command(self, held: str, char: str) -> str:
        if char.isascii() and char.isalpha() and len(held) < LONGEST_WORD:
            self._held = held + char
            return ""
        name = held[1:]
        if not name:
            return "" if char in "()[],;:! \\" else self._put(char)  # "\(" encloses; "\*" is a star
        if name in _FRACTIONS:
            self._numerators.append(self._depth + 1)
        out = _SIGNS.get(name, f" {name} " if name in _NAMES else "")
        return (self._put(out) if out else "") + self.push(char)

    def _power(self, held: str, char: str) -> str:
        if char == "{" and held == "^":
            self._held = held + char
            return ""
        if held == "^{" and char == "}":
            return ""
        if char.isdigit():
            self._held = "^{" if held == "^{" else ""
            return self._put(char.translate(_SUPERSCRIPTS))
        return self.push(char)

    def _put(self, text: str) -> str:
        self._last = text[-1:] or self._last
        return text
