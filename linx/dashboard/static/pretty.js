/* Bodies as lines: JSON is laid out without changing a character of its values, also where it was cut off. Pure. */

const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;
const DEEPEST = 40; // steps of indentation; deeper ones are not moved further

export const isJsonLike = (text) => /^\s*[[{]/.test(text);

/* JSON with line breaks; any other text as it is. */
export function pretty(text) {
  if (!isJsonLike(text)) return text;
  const parts = [];
  let depth = 0;
  let previous = "";
  const newLine = () => parts.push("\n", "  ".repeat(Math.min(depth, DEEPEST)));
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
      if (previous !== "{" && previous !== "[") newLine();
    } else if (previous === "{" || previous === "[" || previous === ",") newLine();
    parts.push(token);
    if (token === ":") parts.push(" ");
    if (token === "{" || token === "[") depth += 1;
    previous = token;
  }
  return parts.join("");
}

/* The lines of a body for a comparison: with the fields of every object by name, since their order says nothing. */
export function comparable(text) {
  try {
    return JSON.stringify(sorted(JSON.parse(text), 0), null, 2).split("\n");
  } catch {
    return pretty(text).split("\n");
  }
}

function sorted(value, depth) {
  if (depth > 400) throw new Error("too deep");
  if (Array.isArray(value)) return value.map((entry) => sorted(entry, depth + 1));
  if (!value || typeof value !== "object") return value;
  // Object.fromEntries defines fields, so that one called __proto__ is a field as any other.
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name], depth + 1)]));
}
