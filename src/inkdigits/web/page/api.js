/** Asking the service: a refusal becomes an Error whose message says what to do. */

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

export async function read(path, picture, options = {}) {
  const response = await ask(`${path}${path.includes("?") ? "&" : "?"}shown=true`, { method: "POST", body: picture, ...options });
  return response.json();
}

async function detailOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answers with ${response.status}.`;
  }
}
