/** Write: what is on the paper is read after each stroke. */

import { readNumber } from "./api.js";
import { $, element } from "./dom.js";
import { Paper } from "./paper.js";
import { digitCards, headline } from "./reading.js";

const EMPTY = "The reading appears here as soon as you lift the pen, with how sure it is and what the network saw.";

export function startWriting() {
  const read = latestOnly(show, say);
  new Paper($("write"), (paper) => read(paper));
  say(EMPTY);
}

/** Return what reads a paper and shows its last state alone: a new stroke gives up on the reading before it. */
export function latestOnly(show, say, model = () => "") {
  let underWay = new AbortController();
  return async (paper) => {
    underWay.abort();
    const { signal } = (underWay = new AbortController());
    if (paper.isEmpty) return say(EMPTY);
    try {
      show(await readNumber(await paper.toPicture(), { model: model(), signal }));
    } catch (error) {
      if (error.name !== "AbortError") say(error.message);
    }
  };
}

function show(number) {
  $("answer").replaceChildren(...headline(number));
  $("answer-digits").replaceChildren(...digitCards(number));
}

function say(text) {
  $("answer").replaceChildren(element("span", { class: "muted" }, text));
  $("answer-digits").replaceChildren();
}
