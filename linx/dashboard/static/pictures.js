/* Pictures that are pasted, dropped or chosen, as data URLs: they go to Linx in the message itself. */

const KINDS = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const MOST = 8;
const LARGEST = 15; // MB

/* The pictures among the files [{name, url}], and what is wrong with the others. */
export async function picturesOf(files, have = 0) {
  const problems = [];
  const taken = [];
  for (const file of files) {
    if (!KINDS.has(file.type)) problems.push(`${file.name || "The file"} is no PNG, JPEG, GIF or WebP picture.`);
    else if (file.size > LARGEST * 1_000_000) problems.push(`${file.name || "The picture"} is larger than ${LARGEST} MB.`);
    else if (have + taken.length >= MOST) problems.push(`A message takes ${MOST} pictures.`);
    else taken.push(file);
  }
  return { pictures: await Promise.all(taken.map(read)), problem: problems[0] ?? "" };
}

/* The pictures that are pasted or dropped; none for text. */
export const filesIn = (transfer) => [...(transfer?.files ?? [])];

function read(file) {
  return new Promise((resolve, reject) => {
    const source = new FileReader();
    source.onload = () => resolve({ name: file.name || "picture", url: source.result });
    source.onerror = () => reject(source.error);
    source.readAsDataURL(file);
  });
}
