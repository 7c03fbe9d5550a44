// Comfort only: the worksheet works without this file, by its buttons.

const form = document.getElementById("worksheet");
const kept = document.getElementById("kept");
const place = `worksheet ${form.dataset.line}`;
const grid = () => [...form.querySelectorAll(".grid-t tbody tr")].map((tr) => [...tr.querySelectorAll(".cell")]);
const say = (text) => { if (kept) kept.textContent = text; };
let judging = 0, saving = 0, changed = false, underway = null; // underway: a save not yet answered

// What is typed is judged by the server a moment later.
async function judge() {
  const asked = ++judging;
  try {
    const answer = await fetch(form.dataset.judge, { method: "POST", body: new FormData(form), headers: { accept: "text/html" } });
    if (!answer.ok || asked !== judging) return;
    const told = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const values of told.querySelectorAll("[data-row]")) form.querySelector(`[data-row="${values.dataset.row}"]`)?.replaceWith(values);
    document.getElementById("judged").replaceWith(told.getElementById("judged"));
    mark();
  } catch { say(form.dataset.offline); }
}

// Fields in question are marked once something is typed in them.
function mark() {
  const bad = new Set(document.getElementById("judged").dataset.bad.split(" "));
  for (const field of form.querySelectorAll("input[id], select[id]")) {
    if (bad.has(field.id) && field.value) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

// Kept in the browser at once, and on the server when typing pauses.
const entries = () => [...new FormData(form)].filter(([name, value]) => name !== "version" && typeof value === "string");
function keep() {
  try { localStorage.setItem(place, JSON.stringify({ version: form.elements.version.value, entries: entries() })); } catch { /* private mode */ }
}
async function save() {
  await underway;
  if (!changed || !document.getElementById("submit")) return;
  changed = false;
  await (underway = send());
  underway = null;
}
async function send() {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { accept: "application/json" } });
    const told = await answer.json();
    if (answer.ok) {
      form.elements.version.value = told.version;
      say(`${form.dataset.kept} ${told.version}`);
      keep();
    } else say(form.dataset.behind);
  } catch { changed = true; say(form.dataset.offline); }
}
function restore() {
  const draft = JSON.parse(localStorage.getItem(place) ?? "null");
  if (!draft) return;
  if (form.dataset.saved || draft.version !== form.dataset.version) { localStorage.removeItem(place); return; }
  const now = JSON.stringify(entries());
  for (const [name, value] of draft.entries) {
    const field = form.elements[name];
    if (field && field.value !== undefined && field.type !== "checkbox" && field.type !== "file") field.value = value;
  }
  if (JSON.stringify(entries()) !== now) { changed = true; say(form.dataset.restored); judge(); }
}

let pause;
form.addEventListener("input", () => {
  changed = true;
  keep();
  clearTimeout(pause);
  pause = setTimeout(judge, 250);
  clearTimeout(saving);
  saving = setTimeout(save, 4000);
});
addEventListener("online", save);
// A person's own save is answered first: the form then names the revision it made.
form.addEventListener("submit", async (event) => {
  clearTimeout(saving);
  if (!underway) return;
  event.preventDefault();
  await underway;
  form.requestSubmit(event.submitter);
});

// Enter and the arrows go from cell to cell, as in a spreadsheet.
form.addEventListener("keydown", (event) => {
  const step = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.classList.contains("cell")) return;
  event.preventDefault();
  const cells = grid();
  const row = cells.findIndex((line) => line.includes(event.target));
  const next = cells[row + step]?.[cells[row].indexOf(event.target)];
  if (next) { next.focus(); next.select(); }
});

// Cells copied from a spreadsheet fill the cells from here on.
form.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain");
  if (!event.target.classList.contains("cell") || !/[\t\n]/.test(text.trim())) return;
  event.preventDefault();
  const cells = grid();
  const row = cells.findIndex((line) => line.includes(event.target));
  const column = cells[row].indexOf(event.target);
  text.replace(/\r/g, "").replace(/\n$/, "").split("\n").forEach((line, down) =>
    line.split("\t").forEach((value, right) => {
      const cell = cells[row + down]?.[column + right];
      if (cell) cell.value = value.trim();
    }));
  form.dispatchEvent(new Event("input"));
});

restore();
mark();
