// Keeps a copy of a registry up to date, in a JSON file: node follow.mjs http://127.0.0.1:8000 copy.json [SECONDS]
// Needs Node 18 and nothing else. It asks every SECONDS (10 by default); with 0 it ends when the copy is up to date.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const [registry, file, seconds = "10"] = process.argv.slice(2);

class Status extends Error {
  constructor(answer, said = `answered ${answer.status}`) {
    super(`${answer.url} ${said}`);
    this.status = answer.status;
    this.lasts = answer.status < 500 && answer.status !== 429;
  }
}

async function ask(path) {
  const answer = await fetch(registry + path);
  if (!answer.ok) throw new Status(answer);
  return answer;
}

// Take a full copy. Its position is the moment at which it was made.
async function startOver() {
  const answer = await ask("/v1/export");
  const position = answer.headers.get("Rapporteur-Position");
  if (position === null) throw new Status(answer, "is of a version that cannot be followed");
  const lines = (await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return { position, records: Object.fromEntries(lines.map((record) => [record.id, record])) };
}

// Apply what has changed since the position. Whole transactions are kept, so that no half of one is ever seen.
async function follow({ position, records }) {
  const known = { ...records };
  for (;;) {
    const { data, page } = await (await ask(`/v1/changes?whole=true&limit=1000&after=${position}`)).json();
    for (const change of data) {
      if (change.state === null) delete known[change.id]; // deleted, merged into another, or erased
      else known[change.id] = change.state;
    }
    position = page.position;
    if (!page.more) return { position, records: known }; // the log ends with a whole transaction
  }
}

// Keep the records and the position together: both or neither.
function keep(copy) {
  writeFileSync(`${file}.new`, JSON.stringify(copy));
  renameSync(`${file}.new`, file);
}

for (;;) {
  try {
    const known = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : null;
    // 410: the registry was restored, and its log is another one
    const orStartOver = (error) => (error.status === 410 ? startOver() : Promise.reject(error));
    keep(await (known ? follow(known).catch(orStartOver) : startOver()));
    if (seconds === "0") break;
  } catch (error) {
    if (error.lasts) throw error;
    console.error(`${error.message}; trying again`); // away, busy, or broken off: nothing of it is kept
  }
  await sleep((Number(seconds) || 1) * 1000);
}
