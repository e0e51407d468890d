/** Asking the service: a refusal becomes an Error whose message says what to do. */

/** Read a page; `rules` says what its numbers may be, in the API's own words. */
export const readPage = (picture, rules) => post(`/v1/read?${new URLSearchParams({ shown: true, ...rules })}`, picture);

/** Read what is being written: it is not finished, and not kept for review. */
export function readNumber(picture, { model = "", signal } = {}) {
  return post(`/v1/read-number?shown=true&keep=false&model=${encodeURIComponent(model)}`, picture, signal);
}

export async function nextItems(limit) {
  return (await ask(`/v1/review?limit=${limit}`)).json();
}

export async function sendAnswers(answers) {
  const headers = { "Content-Type": "application/json" };
  return (await ask("/v1/review/answers", { method: "POST", headers, body: JSON.stringify({ answers }) })).json();
}

export const deleteItem = (id) => ask(`/v1/review/items/${id}`, { method: "DELETE" });

/** Train a network; yield [name, values] of each event. */
export async function* train(settings, signal) {
  const headers = { "Content-Type": "application/json" };
  const response = await ask("/v1/train", { method: "POST", headers, body: JSON.stringify(settings), signal });
  let text = "";
  for await (const chunk of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
    const events = (text + chunk).split("\n\n");
    text = events.pop();
    yield* events.map(parseEvent).filter(([name]) => name);
  }
}

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer. Is inkdigits serve still running?");
  }
  if (!response.ok) throw new Error(await detailOf(response));
  return response;
}

async function post(path, body, signal) {
  return (await ask(path, { method: "POST", body, signal })).json();
}

async function detailOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answers with ${response.status}.`;
  }
}

/** The pieces of a stream; browsers do not all have its own iterator. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
}

function parseEvent(text) {
  const fields = Object.fromEntries(text.split("\n").map((line) => line.split(/: ?(.*)/s)));
  return [fields.event, fields.data && JSON.parse(fields.data)];
}
