// Reads the graphs of a folder with graphology, and prints what it sees as JSON.
import { readdirSync, readFileSync } from "node:fs";
import { DOMParser } from "@xmldom/xmldom";
import graphology from "graphology";
import gexf from "graphology-gexf/node/index.js";
import graphml from "graphology-graphml/node/index.js";

const seen = (graph, name) => ({
  directed: graph.type === "directed",
  nodes: Object.fromEntries(graph.mapNodes((node, values) => [node, [values[name], values.kind, Number(values.degree)]])),
  edges: graph
    .mapEdges((_, values, source, target) => [...[source, target].sort(), Number(values.weight), Number(values.count)])
    .sort(),
});

const folder = process.argv[2];
const told = {};
for (const file of readdirSync(folder)) {
  const text = readFileSync(`${folder}/${file}`, "utf-8");
  const [name, format] = file.split(/\.(?=[a-z]+$)/);
  const Graph = graphology.Graph ?? graphology;
  if (format === "graphml") (told[name] ??= {}).graphml = seen(graphml.parse(Graph, text), "name");
  if (format === "gexf") (told[name] ??= {}).gexf = seen(gexf.parse(Graph, text), "label");
}
console.log(JSON.stringify(told));
