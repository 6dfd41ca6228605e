// Conversations are kept in this browser alone, each under a key of its own, so that two tabs never overwrite each
// other's. The server hands over what is to be kept in an element; what is opened again goes back through a hidden box.
(() => {
  const PREFIX = "consultant:conversation:";
  const CURRENT = "consultant:current", DRAFT = "consultant:draft";
  const MOST = 30;
  // What this tab shows: the id of its conversation, and the version of it that was saved or opened here.
  let id = "", version = 0;
  // The conversation that this tab showed before: the end of its last answer may come when it is gone from the page.
  let left = "";

  // A browser may forbid storage, or it may be full: then the page works without.
  function stored(work, otherwise) {
    try { return work(); } catch { return otherwise; }
  }
  const read = (key) => stored(() => JSON.parse(localStorage.getItem(PREFIX + key)), null);

  function all() {
    return stored(() => Object.keys(localStorage), [])
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => ({ id: key.slice(PREFIX.length), ...read(key.slice(PREFIX.length)) }))
      .filter((kept) => kept.turns)
      .sort((one, other) => other.at - one.at);
  }

  // What goes on with all that the conversation before had said is its end. The first question alone is never one, but
  // on a slow machine a new conversation may first come with its answer.
  function ends(before, { turns }) {
    const same = (said, other) => said.role === other.role && said.content === other.content;
    return turns.length > 1 && turns.length >= before.turns.length && before.turns.every((said, n) => same(said, turns[n]));
  }

  // A name that was given stays.
  const whole = (before, kept) => ({ ...before, ...kept, ...(before && before.renamed ? { title: before.title } : {}) });
  const store = (key, kept) => stored(() => localStorage.setItem(PREFIX + key, JSON.stringify(kept)));

  function write(kept) {
    const gone = !id && left && read(left);
    if (gone && ends(gone, kept)) {
      store(left, whole(gone, kept));
      return list();
    }
    left = "";
    const before = id && read(id);
    // Another tab went on with this conversation: this one becomes a conversation of its own.
    if (!id || (before && before.version !== version)) id = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
    version = Date.now();
    store(id, { ...whole(before, kept), at: version, version });
    all().slice(MOST).forEach((old) => remove(old.id));
    remember();
    list();
  }

  const remove = (key) => stored(() => localStorage.removeItem(PREFIX + key));
  const remember = () => stored(() => sessionStorage.setItem(CURRENT, id));

  function open(key) {
    const kept = read(key);
    if (!kept) return;
    id = key;
    version = kept.version;
    remember();
    const { title, turns, edits } = kept;
    window.consultantTell("open", JSON.stringify({ title, turns, edits }));
    list();
  }

  function forget() {
    left = id || left;
    id = "";
    version = 0;
    remember();
    list();
  }

  function element(name, className, text = "") {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.textContent = text;
    return made;
  }

  function pressed(words, label, act) {
    const button = element("button", "", words);
    button.type = "button";
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    return button;
  }

  function rename(kept, title) {
    const field = element("input", "");
    field.value = kept.title;
    field.maxLength = 80;
    field.setAttribute("aria-label", "New name of the conversation");
    const done = (take) => {
      const name = field.value.trim();
      const latest = read(kept.id);
      if (take && name && latest) {
        store(kept.id, { ...latest, title: name, renamed: true });
      }
      list();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") done(false);
    });
    title.replaceWith(field);
    field.focus();
    field.select();
  }

  function list() {
    const place = document.querySelector("#conversations .conversations");
    if (!place) return;
    const known = all();
    const opened = place.querySelector("details")?.open;
    place.replaceChildren();
    if (!known.length) return;
    const details = element("details");
    details.open = Boolean(opened);
    details.append(element("summary", "", `Your conversations (${known.length})`));
    details.append(element("p", "hint", "They are kept in this browser and nowhere else."));
    const items = element("ul");
    for (const kept of known) {
      const item = element("li", kept.id === id ? "current" : "");
      const title = pressed(kept.title || "Untitled", `Open: ${kept.title}`, () => open(kept.id));
      title.className = "title";
      if (kept.id === id) title.setAttribute("aria-current", "true");
      const when = element("time", "", new Date(kept.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
      item.append(
        title, when,
        pressed("Rename", `Rename: ${kept.title}`, () => rename(kept, title)),
        pressed("Delete", `Delete: ${kept.title}`, () => { remove(kept.id); if (kept.id === id) forget(); list(); }));
      items.append(item);
    }
    details.append(items);
    place.append(details);
  }

  // What the server hands over is kept once; a draft is kept as it is typed, until it is sent.
  let last = "";
  function handedOver() {
    const kept = document.querySelector("#kept .kept")?.dataset.kept || "";
    if (kept === last) return;
    last = kept;
    if (kept) write(JSON.parse(kept));
  }

  const box = () => document.querySelector("#question textarea");

  function restore() {
    const draft = stored(() => sessionStorage.getItem(DRAFT), "");
    if (draft && !box().value) {
      box().value = draft;
      box().dispatchEvent(new Event("input", { bubbles: true }));
    }
    const current = stored(() => sessionStorage.getItem(CURRENT), "");
    if (current && read(current)) open(current);
  }

  let ready = false;
  new MutationObserver(() => {
    if (!ready && box() && document.querySelector("#open textarea") && document.querySelector("#conversations .conversations")) {
      ready = true;
      list();
      restore();
    }
    if (!ready) return;
    handedOver();
    stored(() => sessionStorage.setItem(DRAFT, box() ? box().value : ""));
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-kept"] });

  addEventListener("input", (event) => {
    if (event.target === box()) stored(() => sessionStorage.setItem(DRAFT, event.target.value));
  });
  addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && (button.id === "new" || button.getAttribute("aria-label") === "Clear")) forget();
  }, true);
  addEventListener("storage", list);
})();
