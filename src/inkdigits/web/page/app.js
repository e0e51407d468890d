/** The page: one view at a time, named in the address. */

import { $ } from "./dom.js";
import { startLearning } from "./learn.js";
import { startPhoto } from "./photo.js";
import { startReview } from "./review.js";
import { startWriting } from "./write.js";

const views = [...document.querySelectorAll("main > section")];

function show() {
  const chosen = views.find((view) => `#${view.id}` === location.hash) ?? views[0];
  for (const view of views) view.hidden = view !== chosen;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${chosen.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

addEventListener("hashchange", show);
show();
startWriting();
startLearning();
startReview();
startPhoto(() => { location.hash = $("photo").id; });
