"""The parts of the views that need no browser, in one process of node: differences, layout, answers cut anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import find_program
from tests.e2e.dashboard.fake_linx import STATIC
from tests.e2e.dashboard.test_replay import DIALECTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("node")
SCRIPT = r"""
import { diffLines, folded } from "./diff.js";
import { pretty, comparable } from "./pretty.js";
import { partsOf, reader } from "./answer.js";
import { partsOf as stepsOf } from "./connect_steps.js";

let seed = 7;
const random = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
const assert = (isTrue, what) => { if (!isTrue) throw new Error(what); };
const lines = (length, letters) => Array.from({ length }, () => "abcdefghijklmnopqrst"[random(letters)]);

function common(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1)
    table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  return table[0][0];
}

// A difference gives back both sides, whatever they are; where no line occurs once, it is a shortest one.
for (let round = 0; round < 1500; round += 1) {
  const [a, b] = [lines(random(14), 1 + random(20)), lines(random(14), 1 + random(20))];
  const rows = diffLines(a, b);
  const side = (kind) => rows.filter((row) => row[0] === "same" || row[0] === kind).map((row) => row[1]).join();
  assert(side("out") === a.join() && side("in") === b.join(), `${a} ${b}`);
  const times = (all, line) => all.filter((one) => one === line).length;
  const isUnique = a.some((line) => times(a, line) === 1 && times(b, line) === 1);
  const same = rows.filter(([kind]) => kind === "same").length;
  if (!isUnique) assert(same === common(a, b), `not the shortest: ${a} ${b}`);
  const unfolded = folded(rows).flatMap((item) => item.rows ?? item.folded);
  assert(JSON.stringify(unfolded) === JSON.stringify(rows), "folded rows");
}

// Layout changes no value, and a text that is cut anywhere is laid out as far as it goes.
const value = { "a\"\\{": [1, -2.5e-7, true, null, "x\u2028:,[]", []], b: {}, "": [[{ c: "\u0000" }]] };
const flat = JSON.stringify(value);
assert(JSON.stringify(JSON.parse(pretty(flat))) === flat, "pretty");
assert(pretty(flat) === JSON.stringify(value, null, 2), "as JSON.stringify does it");
for (let cut = 1; cut < flat.length; cut += 1) {
  const laid = pretty(flat.slice(0, cut));
  assert(JSON.stringify(value, null, 2).startsWith(laid.trimEnd()), `cut ${cut}: ${laid}`);
}
assert(pretty('{"n":12345678901234567890}').includes("12345678901234567890"), "large numbers stay");
assert(comparable('{"b":1,"a":2}').join() === comparable('{ "a": 2, "b": 1 }').join(), "order of fields");

// An answer is the same wherever the network cuts it.
for (const text of TEXTS) {
  const whole = JSON.stringify(partsOf(text));
  const { text: said, thinking, tools } = partsOf(text);
  const calls = tools.map(({ name, input }) => name + input).join();
  const isRead = said === "dust" && thinking === "hm" && calls === "look{}";
  assert(isRead, `${whole} of ${text}`);
  for (let cut = 1; cut < text.length; cut += 1 + (text.length > 900 ? 37 : 0)) {
    const one = reader();
    one.push(text.slice(0, cut));
    one.push(text.slice(cut));
    assert(JSON.stringify(one.end()) === whole, `cut at ${cut}: ${text}`);
  }
}

assert(JSON.stringify(stepsOf(["Set:", "    a", "    b", "", "then", "    c"])) ===
  JSON.stringify([{ words: "Set:" }, { copied: "a\nb" }, { words: "then" }, { copied: "c" }]), "steps");
console.log("done");
"""


def test_differences_layout_and_answers(tmp_path: Path) -> None:
    for name in ("diff.js", "pretty.js", "answer.js", "connect_steps.js"):
        shutil.copy(STATIC / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    texts = list(DIALECTS.values())
    (tmp_path / "test.js").write_text(SCRIPT.replace("TEXTS", json.dumps(texts)))
    node = find_program("node")
    assert node is not None
    done = subprocess.run([node, tmp_path / "test.js"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
