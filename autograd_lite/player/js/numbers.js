// Numbers: how they are written for a reader, and how JSON carries those that it has no word for.

const SPECIAL = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity, "-0": -0 };

// The number behind a JSON entry: "NaN", "Infinity", "-Infinity" and "-0" stand for themselves.
export function toNumber(entry) {
  return typeof entry === "string" ? SPECIAL[entry] : entry;
}

// At most `digits` significant digits, as Python's "%.6g" has it; a dash where there is no number yet.
export function format(value, digits = 6) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const sign = power < 0 ? "-" : "+";
    return `${trimmed(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(value.toFixed(digits - 1 - power));
}

// The same with a true minus sign, for text that is looked at and not copied.
export function pretty(value, digits = 6) {
  return format(value, digits).replace("-", "−").replace("e-", "e−");
}

// Every digit that is needed to get the same double back.
export function exact(value) {
  return Object.is(value, -0) ? "-0" : String(value);
}

// What a person typed, as a number; null if it is none. A comma may stand for the point.
export function parsed(text) {
  const plain = text.trim().replace("−", "-").replace(/^([+-]?\d*),(\d+)$/, "$1.$2").toLowerCase();
  const words = { nan: NaN, inf: Infinity, "+inf": Infinity, infinity: Infinity, "-inf": -Infinity, "-infinity": -Infinity };
  if (plain in words) return words[plain];
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain) ? Number(plain) : null;
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}
