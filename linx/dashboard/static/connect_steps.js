/* The steps of a client's settings, as Linx tells them: lines, of which those that are to be copied are indented. Pure. */

const INDENT = /^ {4}/;

/* Parts {words} and {copied}; lines to be copied belong together where they stand together. */
export function partsOf(steps) {
  const parts = [];
  for (const line of steps.flatMap((step) => String(step).split("\n"))) {
    const isCopied = INDENT.test(line);
    const last = parts.at(-1);
    if (isCopied && last?.copied !== undefined) last.copied += `\n${line.replace(INDENT, "")}`;
    else if (isCopied) parts.push({ copied: line.replace(INDENT, "") });
    else if (line.trim()) parts.push({ words: line.trim() });
  }
  return parts;
}
