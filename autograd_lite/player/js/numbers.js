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
  const [mantissa, exponent] = roundedToEven(value, digits).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const sign = power < 0 ? "-" : "+";
    return `${trimmed(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(Number(`${mantissa}e${exponent}`).toFixed(digits - 1 - power));
}

// toExponential with halves rounded to even as in Python, where JavaScript rounds them up.
function roundedToEven(value, digits) {
  const rounded = value.toExponential(digits - 1);
  const [all] = value.toExponential(60).replace(/[-.]/g, "").split("e");
  if (!/^50*$/.test(all.slice(digits)) || Number(all[digits - 1]) % 2) return rounded;
  return `${value < 0 ? "-" : ""}${all[0]}.${all.slice(1, digits)}e${value.toExponential(60).split("e")[1]}`;
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
