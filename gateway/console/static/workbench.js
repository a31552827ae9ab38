// The workbench's page with scripts: the editor, and the answers as its author types.
// The same form works without this file: `draft` is sent by its button, and the whole page comes anew.

const bench = document.getElementById("bench");
const draft = document.getElementById("draft");
const area = document.getElementById("text");
const results = document.getElementById("results");
const stale = document.getElementById("stale");
const state = document.getElementById("state");
const save = document.getElementById("save");
const unsaved = document.getElementById("unsaved");
const saving = document.getElementById("saving");
const words = JSON.parse(bench.dataset.words);

const TYPING = 300; // milliseconds without a key until the draft is sent
const AGAIN = 1500; // milliseconds until a draft is sent again that found no place
const AWAY = 5000; // milliseconds until a draft is sent again that found no answer

const [cm, keys] = await Promise.all([
  import(bench.dataset.editor),
  fetch(bench.dataset.keys).then((answer) => answer.json()),
]);

// --- where in the file a position is -------------------------------------------------

const KEY = /^(\s*(?:-\s+)*)(?:"([^"]*)"|'([^']*)'|([^\s#:{}[\],"'&*!|>%@`-][^:{}[\],#]*?))\s*:(?=\s|$)/;

/** Say what stands at a position: the keys that lead there, the open key, and the word before the position. */
function placeAt(editor, position) {
  const line = editor.doc.lineAt(position);
  const before = line.text.slice(0, position - line.from);
  const margin = before.match(/^\s*(?:-\s+)*(?:-$)?/)[0];
  const frames = [];
  let key = null;
  let word = "";
  for (let index = margin.length; index < before.length; index += 1) {
    const sign = before[index];
    if (sign === '"' || sign === "'") {
      const end = before.indexOf(sign, index + 1);
      if (end < 0) return null;
      word += before.slice(index + 1, end);
      index = end;
    } else if (sign === "#" && /\s/.test(before[index - 1] ?? " ")) {
      return null;
    } else if (sign === ":" && /\s|^$/.test(before[index + 1] ?? "") && key === null) {
      key = word.trim();
      word = "";
    } else if (sign === "{" || sign === "[") {
      frames.push({ sign, key });
      key = null;
      word = "";
    } else if (sign === "}" || sign === "]") {
      key = frames.pop()?.key ?? null;
      word = "";
    } else if (sign === ",") {
      key = null;
      word = "";
    } else {
      word += sign;
    }
  }
  const path = parents(editor, line.number, margin.length);
  const inside = frames.at(-1);
  for (const frame of frames) if (frame.key !== null) path.push(frame.key);
  if (inside?.sign === "[") key = path.pop() ?? null;
  return { path, key, word: word.trimStart() };
}

/** Return the keys of the lines above, each further to the left than the one below it. */
function parents(editor, number, column) {
  const found = [];
  for (let above = number - 1; above > 0 && column > 0; above -= 1) {
    const match = editor.doc.line(above).text.match(KEY);
    if (match && match[1].length < column) {
      found.unshift(match[2] ?? match[3] ?? match[4]);
      column = match[1].length;
    }
  }
  return found;
}

/** Return the place of a path in the table of keys: a name that the author chose is `*`. */
function tableOf(path) {
  let place = "";
  for (const key of path) {
    const own = place ? `${place}.${key}` : key;
    const named = place ? `${place}.*` : "*";
    const known = keys[place]?.some((each) => each.name === key);
    place = !known && Object.keys(keys).some((each) => each === named || each.startsWith(`${named}.`)) ? named : own;
  }
  return place;
}

// --- completion and hover -------------------------------------------------------------

let names = { conditions: [], switches: [] };

function complete(context) {
  const place = placeAt(context.state, context.pos);
  if (!place || (!place.word && !context.explicit && place.key === null)) return null;
  let { path, key } = place;
  let table = keys[tableOf(path)];
  if (key === null && !table && path.length) {
    // An item of a list below its key.
    key = path.at(-1);
    path = path.slice(0, -1);
    table = keys[tableOf(path)];
  }
  if (!table) return null;
  const from = context.pos - place.word.length;
  if (key === null) {
    return { from, options: table.map((each) => ({ label: each.name, apply: `${each.name}: `, info: each.about, type: "property" })) };
  }
  const entry = table.find((each) => each.name === key);
  if (!entry) return null;
  const own = (names[entry.names] ?? []).map((name) => ({ label: name, type: "variable" }));
  const known = (entry.values ?? []).map((value) => ({ label: value, type: "enum" }));
  const options = [...own, ...known];
  return options.length ? { from, options } : null;
}

function hover(view, position) {
  const line = view.state.doc.lineAt(position);
  const column = position - line.from;
  for (const match of line.text.matchAll(/[\w-]+(?=["']?\s*:(?:\s|$))/g)) {
    const end = match.index + match[0].length;
    if (match.index > column || end < column) continue;
    const place = placeAt(view.state, line.from + match.index);
    const entry = place && keys[tableOf(place.path)]?.find((each) => each.name === match[0]);
    if (!entry?.about) return null;
    return {
      pos: line.from + match.index,
      end: line.from + end,
      above: true,
      create() {
        const dom = document.createElement("div");
        dom.className = "about";
        dom.textContent = entry.about;
        return { dom };
      },
    };
  }
  return null;
}

// --- examples in the margin -----------------------------------------------------------

const setExamples = cm.StateEffect.define();
const examples = cm.StateField.define({
  create: () => cm.Decoration.none,
  update(lines, change) {
    let shown = lines.map(change.changes);
    for (const effect of change.effects) {
      if (!effect.is(setExamples)) continue;
      const marks = effect.value
        .filter((each) => each.line > 0 && each.line <= change.state.doc.lines)
        .sort((one, other) => one.line - other.line)
        .map((each) =>
          cm.Decoration.line({
            class: each.passed ? "example-green" : "example-red",
            attributes: { title: each.passed ? words.passes : words.fails },
          }).range(change.state.doc.line(each.line).from),
        );
      shown = cm.Decoration.set(marks);
    }
    return shown;
  },
  provide: (field) => cm.EditorView.decorations.from(field),
});

function diagnosticsOf(answer, doc) {
  const at = (line, column) => {
    const place = doc.line(Math.min(Math.max(line, 1), doc.lines));
    const from = Math.min(place.from + column - 1, place.to);
    return { from, to: Math.max(from, place.to) };
  };
  const found = answer.findings
    .filter((each) => each.file === "")
    .map((each) => ({ ...at(each.line, each.column), severity: each.mistake ? "error" : "warning", message: each.text }));
  for (const each of answer.examples) {
    if (!each.passed) found.push({ ...at(each.line, 1), severity: "error", message: `${words.fails}: ${each.differences.join(" ")}` });
  }
  return found.sort((one, other) => one.from - other.from);
}

// --- the editor -----------------------------------------------------------------------

// A text that could not be saved comes back with its page.
let dirty = bench.dataset.unsaved === "yes";

const view = new cm.EditorView({
  doc: area.value,
  parent: document.getElementById("editor"),
  extensions: [
    cm.EditorView.cspNonce.of(bench.dataset.nonce),
    cm.EditorState.phrases.of(words.phrases),
    cm.lineNumbers(),
    cm.highlightSpecialChars(),
    cm.history(),
    cm.drawSelection(),
    cm.indentOnInput(),
    cm.bracketMatching(),
    cm.highlightActiveLine(),
    cm.search({ top: true }),
    cm.autocompletion({ override: [complete] }),
    cm.hoverTooltip(hover),
    cm.yaml(),
    cm.syntaxHighlighting(cm.classHighlighter),
    cm.lintGutter(),
    examples,
    cm.EditorView.lineWrapping,
    cm.EditorView.contentAttributes.of({ "aria-labelledby": "edit-title", "aria-describedby": "keys-note", tabindex: "0" }),
    // Tab is left to the browser: it leads out of the editor.
    cm.keymap.of([...cm.completionKeymap, ...cm.lintKeymap, ...cm.searchKeymap, ...cm.historyKeymap, ...cm.defaultKeymap]),
    cm.EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      dirty = true;
      soon(TYPING);
    }),
  ],
});
area.hidden = true;
document.documentElement.classList.add("scripts");

// --- asking ---------------------------------------------------------------------------

let timer = 0;
let asking = null;

function soon(wait) {
  clearTimeout(timer);
  timer = setTimeout(ask, wait);
}

function tell(text, kind) {
  if (state.textContent !== text) state.textContent = text;
  state.dataset.kind = kind;
}

/** Say why the text has no answer: what the page shows is the answer to an earlier one. */
function tellNone(why) {
  tell(words[why], "bad");
  stale.hidden = false;
}

/** Return the words for an answer that is none: the sign-in has ended, the text is too long, or nobody is there. */
function whyNot(status) {
  return { 401: "why_signed_out", 403: "why_signed_out", 413: "why_long" }[status] ?? "why_away";
}

function post(signal) {
  area.value = view.state.doc.toString();
  return fetch(draft.action, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(new FormData(draft)),
    signal,
  });
}

async function ask() {
  clearTimeout(timer);
  asking?.abort();
  const mine = (asking = new AbortController());
  const doc = view.state.doc;
  results.setAttribute("aria-busy", "true");
  try {
    const sent = await post(mine.signal);
    const answer = sent.ok ? await sent.json() : { why: "none" };
    if (mine !== asking) return;
    if (!sent.ok) {
      const why = whyNot(sent.status);
      tellNone(why);
      if (why === "why_away") soon(AWAY);
    } else if (answer.why) {
      if (answer.why === "older" || answer.why === "busy") soon(AGAIN);
      tellNone(answer.why === "older" ? "checking" : `why_${answer.why}`);
    } else {
      show(answer, doc);
    }
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    tellNone("why_away");
    soon(AWAY);
  } finally {
    if (mine === asking) results.removeAttribute("aria-busy");
  }
}

function show(answer, doc) {
  names = { conditions: answer.conditions, switches: answer.switches };
  const open = [...results.querySelectorAll("details[open] > summary")].map((each) => each.textContent);
  const focused = results.contains(document.activeElement) ? document.activeElement.textContent : null;
  // Our own template wrote it, and the page's policy lets no script in it run.
  results.innerHTML = answer.html;
  for (const summary of results.querySelectorAll("details > summary")) {
    if (open.includes(summary.textContent)) summary.parentElement.open = true;
  }
  if (focused !== null) {
    [...results.querySelectorAll("a, button, summary")].find((each) => each.textContent === focused)?.focus();
  }
  stale.hidden = true;
  summarise();
  // Positions are those of the text that was sent: a key that was pressed meanwhile brings the next answer.
  if (view.state.doc.eq(doc)) {
    const shown = cm.setDiagnostics(view.state, diagnosticsOf(answer, doc));
    view.dispatch(shown, { effects: setExamples.of(answer.examples) });
  }
  bench.dataset.answered = String(Number(bench.dataset.answered ?? 0) + 1);
}

function summarise() {
  const sum = results.querySelector(".sum");
  const kind = ["bad", "fair"].find((each) => sum?.querySelector(`.${each}`)) ?? "good";
  tell(sum?.textContent.replace(/\s+/g, " ").trim() ?? "", kind);
}

window.addEventListener("online", () => soon(0));
draft.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
draft.addEventListener("input", (event) => {
  if (event.target.name?.startsWith("q_")) soon(TYPING);
});
results.addEventListener("click", (event) => {
  const line = event.target.closest("[data-line]");
  if (line) {
    event.preventDefault();
    const place = view.state.doc.line(Math.min(Number(line.dataset.line), view.state.doc.lines));
    view.dispatch({ selection: { anchor: place.from }, effects: cm.EditorView.scrollIntoView(place.from, { y: "center" }) });
    view.focus();
  }
  if (event.target.closest("[data-print]")) window.print();
});
save?.addEventListener("submit", async (event) => {
  event.preventDefault();
  // A second press while the first one waits would find a file that the first one has changed.
  if (save.getAttribute("aria-busy")) return;
  save.setAttribute("aria-busy", "true");
  unsaved.textContent = "";
  saving.textContent = words.saving;
  // A sign-in that has ended, or a workbench that was started again, answers by a page of its own: the text would be
  // gone with this one. So the form goes only where another form of this page is still taken.
  const why = await whyNotTaken();
  if (!why) {
    save.elements.text.value = view.state.doc.toString();
    dirty = false;
    save.submit();
  } else {
    saving.textContent = "";
    save.removeAttribute("aria-busy");
    unsaved.textContent = words[why];
  }
});
// The browser shows this page again as it was when its author goes back to it.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted || !save) return;
  saving.textContent = "";
  save.removeAttribute("aria-busy");
});

async function whyNotTaken() {
  try {
    const sent = await post();
    if (sent.ok && !sent.redirected) return "";
    return sent.status === 413 ? "why_long" : "text_stays";
  } catch {
    return "text_stays";
  }
}
window.addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

summarise();
ask();
