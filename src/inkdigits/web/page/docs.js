/** The API's documentation, out of its own OpenAPI document. */

import { ask } from "./api.js";
import { $, element } from "./dom.js";

const api = await (await ask("openapi.json")).json();
$("origin").textContent = location.origin;
$("operations").append(
  ...Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => describe(`${method.toUpperCase()} ${path}`, operation)),
  ),
);

function describe(name, operation) {
  const parameters = (operation.parameters ?? []).map((one) => [`?${one.name}=`, one.description]);
  const body = operation.requestBody ? [["body", operation.requestBody.description ?? "JSON"]] : [];
  const answers = Object.entries(operation.responses).map(([status, one]) => [status, answer(one)]);
  const facts = [...parameters, ...body, ...answers];
  return element(
    "section",
    { class: "operation" },
    element("h3", {}, element("code", {}, name)),
    element("p", {}, operation.description ?? operation.summary),
    element("dl", {}, ...facts.flatMap(([term, fact]) => [element("dt", {}, term), element("dd", {}, ...[fact].flat())])),
  );
}

function answer(response) {
  const schema = response.content?.["application/json"]?.schema;
  return schema ? [response.description, element("pre", { tabindex: 0 }, example(schema))] : response.description;
}

function example(schema) {
  return JSON.stringify(shape(schema), null, 1);
}

/** What a value looks like: names with the words that describe them. */
function shape(schema) {
  if (schema.$ref) return shape(api.components.schemas[schema.$ref.split("/").at(-1)]);
  if (schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, one.description ?? shape(one)]));
  }
  if (schema.items) return [shape(schema.items)];
  return schema.enum?.join(" | ") ?? schema.type ?? "";
}
