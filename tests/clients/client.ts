// A program of somebody who builds on the API with types made of the OpenAPI document, compiled as strictly as possible:
//   npx openapi-typescript http://127.0.0.1:8000/openapi.json --output schema.d.ts
// It prints what it found as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Meeting = components["schemas"]["Meeting"];
type AnyRecord = paths["/v1/records/{id}"]["get"]["responses"][200]["content"]["application/json"];
type Problem = components["schemas"]["Problem"];
type Feed = components["schemas"]["JsonFeed"];

declare const process: { env: Record<string, string | undefined> };

const address = process.env["ADDRESS"] ?? "";
const reader = createClient<paths>({ baseUrl: address });
const writer = createClient<paths>({
  baseUrl: address,
  headers: { Authorization: `Bearer ${process.env["KEY"] ?? ""}` },
});

/** What was asked for as JSON; an answer without it is an error that says why. A list is text or a feed only if such a format is asked for. */
function found<Data>(answer: { data?: Data; error?: unknown }): Exclude<Data, string | Feed | undefined> {
  const { data, error } = answer;
  if (data === undefined || typeof data === "string") throw new Error(JSON.stringify(error));
  return data as Exclude<Data, string | Feed | undefined>;
}

function tag(response: Response): string {
  const value = response.headers.get("ETag");
  if (value === null) throw new Error("no ETag");
  return value;
}

// Fields that are always there need no check: this would not compile if one of them could be undefined.
function told(meeting: Meeting): string {
  const city: string | null = meeting.city;
  const country: string | null = meeting.country === null ? null : meeting.country.name;
  return `${meeting.name}, ${city ?? "?"}, ${country ?? "?"}, version ${meeting.version}`;
}

// The kind tells which fields a record of any kind has.
function short(record: AnyRecord): string | null {
  switch (record.kind) {
    case "organization":
      return record.acronym;
    case "country":
      return record.alpha_3;
    default:
      return null;
  }
}

async function list(): Promise<string[]> {
  const answer = await reader.GET("/v1/meetings", { params: { query: { country: ["CN"], lang: "ru", limit: 5 } } });
  return found(answer).data.map(told);
}

async function pages(): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit: 7 } : { limit: 7, cursor };
    const page = found(await reader.GET("/v1/topics", { params: { query } }));
    ids.push(...page.data.map((topic) => topic.id));
    cursor = page.page.next_cursor;
  } while (cursor !== null);
  return ids;
}

async function write(): Promise<unknown> {
  const body = { name: "Переговоры", country: "BY", date: "2026-01", topics: ["cybersecurity"] };
  const made = await writer.POST("/v1/meetings", { params: { header: { "Idempotency-Key": "once" } }, body });
  const { id } = found(made);
  const path = { id };
  const first = tag(made.response);
  const change = (city: string, match: string) =>
    writer.PATCH("/v1/meetings/{id}", { params: { path, header: { "If-Match": match } }, body: { city } });
  const changed = await change("Minsk", first);
  const late = await change("Brest", first);
  const problem: Problem | undefined = late.error;
  const again = await reader.GET("/v1/meetings/{id}", { params: { path } });
  const deleted = await writer.DELETE("/v1/meetings/{id}", {
    params: { path, header: { "If-Match": tag(again.response) } },
  });
  return {
    statuses: [made, changed, late, again, deleted].map((answer) => answer.response.status),
    location: made.response.headers.get("Location"),
    changed: told(found(changed)),
    names: found(again).names?.length ?? null,
    problem: problem === undefined ? null : problem.code,
  };
}

async function any(): Promise<(string | null)[]> {
  const kinds: (string | null)[] = [];
  for (const id of ["sco", "CN", "cybersecurity"]) {
    kinds.push(short(found(await reader.GET("/v1/records/{id}", { params: { path: { id } } }))));
  }
  return kinds;
}

console.log(JSON.stringify({ list: await list(), pages: await pages(), any: await any(), written: await write() }));
