// The compact chat in the widget's frame. The server sends safe HTML; only known elements are copied out of it. The
// page around may set how this looks, ask what a person could type, and clear; it cannot set prompts, models or limits.
(() => {
  "use strict";
  const WORDS = {
    en: { title: "Consultant", greeting: "What is your project? Tell me the task, your data, your time and your budget.", box: "Your project or question", send: "Send", stop: "Stop", fresh: "New chat", full: "Full page", close: "Close", retry: "Try again", stopped: "Stopped.", lost: "The connection was lost. Check it and try again.", source: "Show source" },
    de: { title: "Berater", greeting: "Was ist Ihr Projekt? Nennen Sie Aufgabe, Daten, Zeit und Budget. Antworten kommen auf Englisch.", box: "Ihr Projekt oder Ihre Frage", send: "Senden", stop: "Anhalten", fresh: "Neu beginnen", full: "Ganze Seite", close: "Schließen", retry: "Noch einmal", stopped: "Angehalten.", lost: "Die Verbindung ist abgebrochen. Prüfen Sie sie und versuchen Sie es noch einmal.", source: "Quelle zeigen" },
    fr: { title: "Conseiller", greeting: "Quel est votre projet ? Décrivez la tâche, les données, le délai et le budget. Les réponses sont en anglais.", box: "Votre projet ou votre question", send: "Envoyer", stop: "Arrêter", fresh: "Recommencer", full: "Page entière", close: "Fermer", retry: "Réessayer", stopped: "Arrêté.", lost: "La connexion est interrompue. Vérifiez-la et réessayez.", source: "Voir la source" },
    es: { title: "Consultor", greeting: "¿Cuál es su proyecto? Indique la tarea, los datos, el plazo y el presupuesto. Las respuestas son en inglés.", box: "Su proyecto o pregunta", send: "Enviar", stop: "Parar", fresh: "Empezar de nuevo", full: "Página completa", close: "Cerrar", retry: "Reintentar", stopped: "Parado.", lost: "Se perdió la conexión. Compruébela e inténtelo de nuevo.", source: "Ver la fuente" },
  };
  const HISTORY_CHARACTERS = 24000, KEPT_TURNS = 40, LONGEST = 4000;
  const root = document.documentElement, said = root.dataset, origin = said.origin;
  const framed = window.parent !== window;
  const find = (id) => document.getElementById(id);
  const [log, list, box, live] = ["log", "turns", "box", "live"].map(find);
  const looks = { title: said.title, greeting: said.greeting, colour: said.colour, theme: "auto", language: "en" };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let words = WORDS.en, turns = [], running = null, waiting = "", following = false;

  // --- how it looks

  function dress() {
    words = WORDS[looks.language] || WORDS.en;
    root.lang = looks.language;
    root.dataset.theme = looks.theme === "auto" ? (dark.matches ? "dark" : "light") : looks.theme;
    if (looks.colour) {
      root.style.setProperty("--accent", looks.colour);
      root.style.setProperty("--on-accent", bright(looks.colour) ? "#111827" : "#ffffff");
    }
    document.title = find("title").textContent = looks.title || words.title;
    find("greeting").textContent = looks.greeting || words.greeting;
    box.placeholder = find("label").textContent = words.box;
    for (const [id, name] of [["send", "send"], ["stop", "stop"], ["new", "fresh"], ["full", "full"]]) find(id).textContent = words[name];
    find("close").setAttribute("aria-label", words.close);
    find("close").hidden = !(framed && origin);
    log.setAttribute("aria-label", looks.title || words.title);
  }

  // Whether dark letters are read better on a colour: relative luminance as in WCAG 2.
  function bright(colour) {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18;
  }

  // --- safe elements

  const TAGS = new Set("P STRONG UL OL LI TABLE THEAD TBODY TR TH TD BUTTON DIV DETAILS SUMMARY SPAN MARK A H4 CITE SUP".split(" "));

  function safe(html) {
    const part = document.createDocumentFragment();
    copy(new DOMParser().parseFromString(html, "text/html").body, part);
    return part;
  }

  function copy(from, to) {
    for (const node of from.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) to.append(node.data);
      else if (node.nodeType === Node.ELEMENT_NODE && TAGS.has(node.nodeName)) copy(node, to.appendChild(bare(node)));
    }
  }

  function bare(node) {
    const made = document.createElement(node.nodeName);
    if (node.className) made.className = node.className;
    if (node.nodeName === "BUTTON") {
      made.type = "button";
      made.value = node.value;
      made.setAttribute("aria-label", `${words.source} ${node.value}`);
    }
    if (node.nodeName === "A" && /^https?:$/.test(node.protocol)) {
      made.href = node.getAttribute("href");
      made.target = "_blank";
      made.rel = "noopener noreferrer";
    }
    if (node.nodeName === "OL" && node.start !== 1) made.start = node.start;
    return made;
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function button(className, text, act) {
    const made = element("button", className, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  // --- the conversation

  function showTurn(turn) {
    const item = element("li", "turn");
    item.append(element("p", "user", turn.question), element("div", "answer"), element("div", "panel"));
    item.children[1].lang = "en";
    list.append(item);
    if (turn.html) item.children[1].replaceChildren(safe(turn.html));
    showPanel(item, turn);
    return item;
  }

  function showPanel(item, turn) {
    const panel = item.children[2];
    panel.replaceChildren(safe((turn.status || "") + (turn.sources || "")));
    if (turn.stopped) panel.append(element("p", "note", words.stopped));
    for (const old of list.querySelectorAll(".replies")) old.remove();
    if (!turn.options || !turn.options.length) return;
    const replies = element("div", "replies");
    for (const option of turn.options) replies.append(button("", option, () => ask(option)));
    panel.append(replies);
  }

  // The words with the citations opened: the passage of [n], its sentence marked.
  function openSource(cite) {
    const panel = cite.closest(".turn").children[2], details = panel.querySelector("details");
    if (!details) return;
    details.open = true;
    for (const old of panel.querySelectorAll("mark.shown")) old.classList.remove("shown");
    const sup = [...panel.querySelectorAll("sup")].find((one) => one.textContent === `[${cite.value}]`);
    const mark = sup && sup.previousElementSibling;
    if (!mark) return;
    mark.classList.add("shown");
    mark.tabIndex = -1;
    mark.focus({ preventScroll: true });
    following = false;
    const middle = log.getBoundingClientRect().top + log.clientHeight / 3;
    log.scrollTop += mark.getBoundingClientRect().top - middle;
  }

  function follow(item) {
    if (following) log.scrollTop += item.firstChild.getBoundingClientRect().top - log.getBoundingClientRect().top - 12;
  }

  async function ask(text) {
    text = text.trim();
    if (running || !text) return;
    const turn = { question: text, html: "", answer: "" };
    const item = showTurn(turn), body = item.children[1];
    const stop = new AbortController();
    start(stop);
    body.classList.add("waiting");
    following = true;
    follow(item);
    try {
      await stream(turn, stop.signal, (html) => {
        body.classList.remove("waiting");
        body.replaceChildren(safe((turn.html = html)));
        follow(item);
      });
      keep(item, turn);
    } catch (error) {
      failed(item, turn, error);
    } finally {
      body.classList.remove("waiting");
      // A new conversation may have begun meanwhile.
      if (running === stop) finish();
    }
  }

  function keep(item, turn) {
    if (!item.isConnected) return;
    turns.push(turn);
    showPanel(item, turn);
    follow(item);
    remember();
    live.textContent = item.children[1].innerText;
  }

  function failed(item, turn, error) {
    if (!item.isConnected) return;
    const panel = item.children[2];
    if (error.name === "AbortError") {
      turn.stopped = true;
      return void keep(item, turn);
    }
    // Whether to go on is for the person to say.
    waiting = "";
    const sentence = error.sentence || words.lost;
    tell("error", { message: sentence });
    // What can only be mended by writing otherwise goes back into the box.
    if (error.status >= 400 && error.status < 429 && !box.value) {
      item.firstChild.remove();
      box.value = turn.question;
      fit();
    }
    const again = button("retry", words.retry, () => {
      item.remove();
      if (box.value.trim() === turn.question) box.value = "";
      fit();
      ask(turn.question);
    });
    panel.replaceChildren(element("p", "error", sentence), again);
    live.textContent = sentence;
    log.scrollTop = log.scrollHeight;
  }

  function start(stop) {
    running = stop;
    live.textContent = "";
    find("send").hidden = true;
    find("stop").hidden = false;
  }

  function finish() {
    running = null;
    find("send").hidden = false;
    find("stop").hidden = true;
    if (document.activeElement === document.body) box.focus();
    const due = waiting && box.value === waiting;
    waiting = "";
    if (due) submit();
  }

  function clear() {
    waiting = "";
    if (running) running.abort();
    finish();
    turns = [];
    list.replaceChildren();
    live.textContent = "";
    remember();
  }

  // --- the server

  // As many of the last turns as are read; a stopped answer says nothing.
  function history() {
    const kept = [];
    let left = HISTORY_CHARACTERS;
    for (const turn of turns.slice().reverse()) {
      left -= turn.question.length + turn.answer.length;
      if (left < 0) break;
      if (turn.answer) kept.unshift({ role: "user", content: turn.question }, { role: "assistant", content: turn.answer });
      else kept.unshift({ role: "user", content: turn.question });
    }
    return kept;
  }

  async function stream(turn, signal, show) {
    const response = await fetch("api/ask", {
      method: "POST", signal, credentials: "omit",
      headers: { "Content-Type": "application/json", "X-Consultant-Site": said.site },
      body: JSON.stringify({ question: turn.question, history: history(), stream: true, html: true }),
    });
    if (!response.ok) throw Object.assign(new Error(), { status: response.status, sentence: await problem(response) });
    for await (const [name, data] of events(response.body)) {
      if (name === "html") show(data);
      else if (name === "panel") Object.assign(turn, { status: data.status, sources: data.sources });
      else if (name === "error") throw Object.assign(new Error(), { status: 500, sentence: data.error });
      else if (name === "answer") return answered(turn, data);
    }
    throw new Error("the stream ended before the answer");
  }

  async function problem(response) {
    try { return (await response.json()).error; } catch { return words.lost; }
  }

  async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let got = await reader.read(); !got.done; got = await reader.read()) {
      const blocks = (text + got.value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const parts = /^event: (\w+)\ndata: (.*)$/.exec(block);
        if (parts) yield [parts[1], JSON.parse(parts[2])];
      }
    }
  }

  function answered(turn, answer) {
    turn.answer = answer.answer;
    turn.options = answer.question ? answer.question.options : [];
    tell("answer", { status: answer.status, text: answer.answer, citations: answer.citations.length });
    if (answer.verdict) tell("verdict", { approach: answer.verdict.approach, confidence: answer.verdict.confidence });
  }

  // --- what is kept in this tab; storage may be denied

  const KEY = `consultant ${origin}`;

  function remember() {
    turns = turns.slice(-KEPT_TURNS);
    try { sessionStorage.setItem(KEY, JSON.stringify(turns)); } catch { /* then it lasts as long as the page */ }
  }

  function recall() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY)) || [];
      turns = kept.filter((turn) => typeof turn.question === "string" && typeof turn.answer === "string");
    } catch { turns = []; }
    for (const turn of turns) showTurn(turn);
    log.scrollTop = log.scrollHeight;
  }

  // --- the page around

  const colour = (value) => /^#[0-9a-f]{6}$/i.test(value);
  const upTo = (length) => (value) => typeof value === "string" && value.length <= length;
  const oneOf = (...values) => (value) => values.includes(value);
  const MESSAGES = {
    looks: { title: upTo(60), greeting: upTo(300), colour, theme: oneOf("light", "dark", "auto"), language: oneOf(...Object.keys(WORDS)) },
    ask: { text: upTo(LONGEST) },
    clear: {},
    focus: {},
  };
  const ACTS = {
    looks: (message) => { for (const name of Object.keys(MESSAGES.looks)) if (message[name]) looks[name] = message[name]; dress(); },
    ask: (message) => ask(message.text),
    clear,
    focus: () => box.focus(),
  };

  const own = (object, name) => Object.prototype.hasOwnProperty.call(object, name);

  // A message that is exactly as agreed, or nothing.
  function read(data) {
    if (!data || Object.getPrototypeOf(data) !== Object.prototype || data.consultant !== 1) return null;
    if (typeof data.type !== "string" || !own(MESSAGES, data.type)) return null;
    const fields = MESSAGES[data.type];
    for (const [name, value] of Object.entries(data)) {
      if (name === "consultant" || name === "type") continue;
      if (!own(fields, name) || typeof value !== "string" || !fields[name](value)) return null;
    }
    return data.type === "ask" && !data.text ? null : data;
  }

  function tell(type, more) {
    if (framed && origin) window.parent.postMessage({ consultant: 1, type, ...more }, origin);
  }

  addEventListener("message", (event) => {
    if (!framed || !origin || event.source !== window.parent || event.origin !== origin) return;
    const message = read(event.data);
    if (message) ACTS[message.type](message);
  });

  // --- hands on

  // The box grows with its text, up to the height that the style allows.
  function fit() {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }

  // What is sent while an answer streams waits in the box, where it can be changed, until that answer has ended.
  function submit() {
    const text = box.value;
    if (!text.trim()) return;
    if (running) return void (waiting = text);
    box.value = "";
    fit();
    ask(text);
  }

  find("form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  box.addEventListener("input", () => { waiting = ""; fit(); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") tell("close"); });
  find("stop").addEventListener("click", () => { if (running) running.abort(); });
  find("new").addEventListener("click", () => { clear(); box.focus(); });
  find("close").addEventListener("click", () => tell("close"));
  list.addEventListener("click", (event) => { const cite = event.target.closest(".cite"); if (cite) openSource(cite); });
  for (const own of ["wheel", "touchmove"]) log.addEventListener(own, () => { following = false; }, { passive: true });
  dark.addEventListener("change", dress);

  dress();
  recall();
  tell("ready");
})();
