/* A request as a command for a shell (POSIX), quoted so that nothing in it is read by the shell. Pure.

The key is not in the command: it names a variable, so that a copied command can be shown to others.
*/

const LEFT_OUT = new Set(["host", "content-length", "connection", "transfer-encoding", "accept-encoding", "user-agent", "authorization", "x-api-key", "cookie", "origin", "referer", "keep-alive", "expect", "te"]);
const LEFT_OUT_BEGINNINGS = ["sec-", "x-stainless-", "x-forwarded-", "proxy-"];
const HIDDEN = "…";

export const quoted = (text) => `'${text.replaceAll("\0", "").replaceAll("'", `'\\''`)}'`;

export function curlOf(address, request, { headers, body }, needsKey) {
  const sent = headers.filter(([name, value]) => isTold(name.toLowerCase()) && value !== HIDDEN);
  const parts = [`curl -N ${quoted(address + request.path)}`];
  if (request.method !== "POST" || !body) parts.push(`-X ${quoted(request.method)}`);
  if (needsKey) parts.push('-H "Authorization: Bearer $LINX_API_KEY"');
  for (const [name, value] of sent) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) parts.push(`--data-raw ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

const isTold = (name) => !LEFT_OUT.has(name) && !LEFT_OUT_BEGINNINGS.some((beginning) => name.startsWith(beginning));
