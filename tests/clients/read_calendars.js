// Reads every calendar of a folder with ical.js, and prints what it sees as JSON.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ICAL from "ical.js";

const folder = process.argv[2];
const seen = {};
for (const name of readdirSync(folder).sort()) {
  const calendar = new ICAL.Component(ICAL.parse(readFileSync(join(folder, name), "utf8")));
  seen[name] = {
    name: calendar.getFirstPropertyValue("name"),
    description: calendar.getFirstPropertyValue("description"),
    refresh: calendar.getFirstPropertyValue("refresh-interval").toString(),
    events: calendar.getAllSubcomponents("vevent").map((component) => {
      const event = new ICAL.Event(component);
      return {
        uid: event.uid,
        title: event.summary,
        description: event.description,
        location: event.location,
        sequence: event.sequence,
        first: event.startDate.toString(),
        after: event.endDate.toString(),
        is_day: event.startDate.isDate && event.endDate.isDate,
        attendees: event.attendees.length,
        status: component.getFirstPropertyValue("status"),
      };
    }),
  };
}
console.log(JSON.stringify(seen));
