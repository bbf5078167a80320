/* Saves a text as a file: asked for with the key in a header, so that no link has to carry it. */

const LATER_MS = 10_000; // by then the browser has read it

export function saveAs(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), LATER_MS);
}
