// Reads streams of requests with llhttp, the parser of Node.js, and says what it makes of each.
// Standard input: for each stream its length as a line, then its bytes. Standard output: a line of JSON for each stream.
const { HTTPParser, allMethods } = process.binding("http_parser");
const fs = require("fs");

const input = fs.readFileSync(0);
const lines = [];
for (let at = 0; at < input.length; ) {
  const end = input.indexOf(10, at);
  const length = Number(input.toString("latin1", at, end));
  at = end + 1;
  lines.push(JSON.stringify(read(input.subarray(at, at + length))));
  at += length;
}
fs.writeSync(1, lines.join("\n") + "\n");

function read(data) {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 65536);
  const requests = [];
  let method, url, body;
  let flushed = "";
  parser[HTTPParser.kOnHeaders] = (_headers, part) => { flushed += part; };
  parser[HTTPParser.kOnHeadersComplete] = (_major, _minor, _headers, number, target) => {
    method = allMethods[number];
    url = flushed + (target ?? "");
    flushed = "";
    body = [];
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece) => { body.push(Buffer.from(piece)); };
  parser[HTTPParser.kOnMessageComplete] = () => {
    flushed = ""; // trailers are told as further headers, with the target once more
    requests.push([method, url, Buffer.concat(body).toString("latin1")]);
  };
  const result = data.length ? parser.execute(data) : 0;
  const end = typeof result !== "number" ? "refused" : result < data.length ? "left" : "open";
  return { requests, end };
}
