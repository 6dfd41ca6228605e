// Consultant's widget: one script tag shows a launcher, and behind it a frame with the chat. The page around may be of
// any kind: nothing here relies on its styles or on built-ins that it may have changed, and it gets one name only.
(() => {
  "use strict";
  if (window.ConsultantWidget) return;
  const script = document.currentScript || document.querySelector('script[src$="/widget.js"]');
  const base = script.src.slice(0, script.src.lastIndexOf("/") + 1);
  const server = new URL(base).origin;
  const given = script.dataset;
  const mode = given.mode === "inline" || given.mode === "full" ? given.mode : "launcher";
  const WORDS = {
    en: { title: "Consultant", open: "Open the chat", close: "Close the chat", go: "Continue", fails: "The chat cannot be shown on this page." },
    de: { title: "Berater", open: "Chat öffnen", close: "Chat schließen", go: "Weiter", fails: "Der Chat kann auf dieser Seite nicht angezeigt werden." },
    fr: { title: "Conseiller", open: "Ouvrir le chat", close: "Fermer le chat", go: "Continuer", fails: "Le chat ne peut pas être affiché sur cette page." },
    es: { title: "Consultor", open: "Abrir el chat", close: "Cerrar el chat", go: "Continuar", fails: "El chat no se puede mostrar en esta página." },
  };
  const words = own(WORDS, given.language) ? WORDS[given.language] : WORDS.en;
  const title = given.title || words.title;
  const PATIENCE = 20000;
  const REMOUNTS = 50;

  const STYLE = `
    :host { all: initial !important; display: ${mode === "inline" ? "block" : "contents"} !important; color-scheme: light dark; }
    .box { --accent: #0f766e; --page: #fff; --text: #1e293b; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    .box.dark { --page: #0f172a; --text: #e2e8f0; }
    @media (prefers-color-scheme: dark) { .box.auto { --page: #0f172a; --text: #e2e8f0; } }
    button { font: inherit; cursor: pointer; border: 0; }
    button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
    .launcher { position: fixed; z-index: 2147483646; bottom: 20px; right: 20px; width: 56px; height: 56px; padding: 0; border-radius: 50%;
      background: var(--accent); color: #fff; box-shadow: 0 4px 16px rgb(15 23 42 / .28); display: grid; place-items: center; }
    .launcher.bright { color: #111827; }
    .launcher svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    .panel { background: var(--page); color: var(--text); display: flex; flex-direction: column; overflow: hidden; }
    .panel[hidden] { display: none; }
    .launcher-mode .panel { position: fixed; z-index: 2147483647; bottom: 88px; right: 20px; width: 400px; height: min(640px, calc(100vh - 108px));
      border-radius: 14px; box-shadow: 0 8px 40px rgb(15 23 42 / .3); }
    .left .launcher, .left .panel { right: auto; left: 20px; }
    .inline-mode, .inline-mode .panel { height: 100%; min-height: 480px; }
    .inline-mode .panel { border-radius: 14px; box-shadow: inset 0 0 0 1px rgb(100 116 139 / .35); }
    .full-mode .panel { position: fixed; z-index: 2147483647; inset: 0; }
    iframe { flex: 1; width: 100%; border: 0; display: block; background: var(--page); }
    .notice { padding: 24px; margin: auto 0; }
    .notice p { margin: 0 0 16px; white-space: pre-line; }
    .notice button { background: var(--accent); color: #fff; border-radius: 10px; padding: 9px 18px; margin: 0 8px 0 0; font-weight: 600; }
    .notice .bright { color: #111827; }
    .notice .other { background: none; color: inherit; box-shadow: inset 0 0 0 1px rgb(100 116 139 / .6); }
    @media (max-width: 480px) {
      .launcher-mode .panel { inset: 0; width: 100%; height: 100%; border-radius: 0; }
    }
    @media (prefers-reduced-motion: no-preference) { .launcher-mode .panel { animation: rise .16s ease-out; } }
    @keyframes rise { from { opacity: 0; transform: translateY(8px); } }`;

  // --- parts

  function own(object, name) {
    return typeof name === "string" && Object.prototype.hasOwnProperty.call(object, name);
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function button(className, text, act) {
    const made = element("button", className, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  function icon() {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawn.setAttribute("viewBox", "0 0 24 24");
    drawn.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", "M21 12a8 8 0 0 1-8 8H4l2-3.2A8 8 0 1 1 21 12ZM9 10.5h8M9 14h5");
    drawn.appendChild(line);
    return drawn;
  }

  // Whether dark letters are read better on it: relative luminance, as in WCAG 2.
  function isBright(colour) {
    let sum = 0;
    for (let n = 0; n < 3; n++) {
      const part = parseInt(colour.slice(1 + 2 * n, 3 + 2 * n), 16) / 255;
      sum += (n === 0 ? 0.2126 : n === 1 ? 0.7152 : 0.0722) * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    }
    return sum > 0.18;
  }

  const colour = /^#[0-9a-f]{6}$/i.test(given.colour || "") ? given.colour : "";
  const theme = given.theme === "light" || given.theme === "dark" ? given.theme : "auto";
  const bright = colour && isBright(colour) ? " bright" : "";
  const host = element("div");
  host.id = "consultant-widget";
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  const box = element("div", `box ${mode}-mode ${theme}${given.position === "bottom-left" ? " left" : ""}`);
  if (colour) box.style.setProperty("--accent", colour);
  const panel = element("div", "panel");
  panel.setAttribute("role", mode === "launcher" ? "dialog" : "region");
  panel.setAttribute("aria-label", title);
  panel.hidden = true;
  const launcher = mode === "launcher" ? button("launcher" + bright, "", toggle) : null;
  if (launcher) {
    launcher.appendChild(icon());
    box.appendChild(launcher);
  }
  box.appendChild(panel);
  shadow.appendChild(box);

  // --- state

  let opened = false, agreed = !given.consent, frame = null, ready = false, waited = 0, mounted = 0;
  let pending = [];
  const handlers = { open: [], close: [], answer: [], verdict: [], ready: [], error: [] };

  function label() {
    if (!launcher) return;
    launcher.setAttribute("aria-expanded", opened ? "true" : "false");
    launcher.setAttribute("aria-label", `${opened ? words.close : words.open}: ${title}`);
  }

  function show(part) {
    while (panel.firstChild) panel.removeChild(panel.firstChild);
    panel.appendChild(part);
  }

  function notice(text, agree) {
    const part = element("div", "notice");
    part.appendChild(element("p", "", text));
    if (agree) part.appendChild(button("go" + bright, words.go, agree));
    if (mode === "launcher") part.appendChild(button("other", words.close, close));
    show(part);
    if (opened && part.querySelector("button")) part.querySelector("button").focus();
  }

  function load() {
    if (frame) return;
    frame = element("iframe");
    frame.title = title;
    frame.src = `${base}embed?origin=${encodeURIComponent(location.origin)}`;
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox");
    frame.referrerPolicy = "no-referrer";
    // A frame that is taken out and put in again starts anew, and says so.
    ready = false;
    show(frame);
    clearTimeout(waited);
    waited = setTimeout(() => { if (!ready) unloaded(); }, PATIENCE);
  }

  function unloaded() {
    frame = null;
    notice(words.fails);
    emit("error", { message: words.fails });
  }

  function begin() {
    if (agreed) load();
    else notice(given.consent, () => { agreed = true; load(); });
  }

  function open() {
    if (opened) return;
    opened = true;
    panel.hidden = false;
    label();
    begin();
    if (mode === "launcher") {
      if (ready) focusFrame();
      emit("open", {});
    }
  }

  function close() {
    if (!opened || mode !== "launcher") return;
    opened = false;
    panel.hidden = true;
    label();
    launcher.focus();
    emit("close", {});
  }

  function toggle() { if (opened) close(); else open(); }

  function focusFrame() {
    frame.focus();
    post({ consultant: 1, type: "focus" });
  }

  // --- messages to and from the frame

  function post(message) {
    if (ready && frame && frame.contentWindow) frame.contentWindow.postMessage(message, server);
  }

  function send(message) {
    if (ready) post(message);
    else pending[pending.length] = message;
  }

  function looks() {
    const message = { consultant: 1, type: "looks", theme };
    if (given.title) message.title = given.title.slice(0, 60);
    if (given.greeting) message.greeting = given.greeting.slice(0, 300);
    if (colour) message.colour = colour;
    if (own(WORDS, given.language)) message.language = given.language;
    return message;
  }

  function arrived() {
    ready = true;
    clearTimeout(waited);
    post(looks());
    const waiting = pending;
    pending = [];
    for (let n = 0; n < waiting.length; n++) post(waiting[n]);
    if (opened && mode === "launcher") focusFrame();
    emit("ready", {});
  }

  // What the frame may say: the type of each field. Anything else is not heard.
  const HEARD = {
    ready: {}, close: {}, error: { message: "string" },
    answer: { status: "string", text: "string", citations: "number" },
    verdict: { approach: "string", confidence: "number" },
  };

  function heard(data) {
    if (!data || typeof data !== "object" || data.consultant !== 1 || !own(HEARD, data.type)) return null;
    const fields = HEARD[data.type], told = {};
    for (const name in fields) {
      if (!own(fields, name)) continue;
      if (!own(data, name) || typeof data[name] !== fields[name]) return null;
      told[name] = data[name];
    }
    for (const name in data) {
      if (own(data, name) && name !== "consultant" && name !== "type" && !own(fields, name)) return null;
    }
    return told;
  }

  window.addEventListener("message", (event) => {
    if (event.origin !== server || !frame || event.source !== frame.contentWindow) return;
    const told = heard(event.data);
    if (!told) return;
    if (event.data.type === "ready") arrived();
    else if (event.data.type === "close") close();
    else emit(event.data.type, told);
  });

  function emit(name, told) {
    const called = handlers[name];
    for (let n = 0; n < called.length; n++) {
      // A fault of the page's own does not stop the chat.
      try { called[n](told); } catch (error) { console.error(error); }
    }
  }

  // --- in the page, whatever the page does with its own parts

  function place() {
    return mode === "inline" ? document.querySelector(given.target || "#consultant") : document.documentElement;
  }

  function mount() {
    const where = place();
    if (!where || host.isConnected || mounted >= REMOUNTS) return;
    mounted += 1;
    where.appendChild(host);
    ready = false;
    if (mode !== "launcher") open();
    // Out of the document a frame loses its page.
    if (frame) { frame = null; load(); }
  }

  window.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  new MutationObserver(mount).observe(document, { childList: true, subtree: true });
  label();
  mount();

  window.ConsultantWidget = Object.freeze({
    open, close, toggle,
    ask: (text) => { open(); send({ consultant: 1, type: "ask", text: `${text}`.slice(0, 4000) }); },
    clear: () => send({ consultant: 1, type: "clear" }),
    on: (name, act) => { if (own(handlers, name) && typeof act === "function") handlers[name][handlers[name].length] = act; },
    off: (name, act) => {
      if (!own(handlers, name)) return;
      const kept = [];
      for (let n = 0; n < handlers[name].length; n++) if (handlers[name][n] !== act) kept[kept.length] = handlers[name][n];
      handlers[name] = kept;
    },
  });
})();
