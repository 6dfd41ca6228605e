// Gradio copies and edits a message as the Markdown it was sent as, while a person expects the words they see: the
// click handler runs before Gradio's own.
(() => {
  const escapes = /\\([\\`*_{}\[\]<>#|~$&!@.:)\-+=])/g;

  // What stands between this row of buttons and the one before it is one turn.
  function turn(buttons) {
    const rows = [];
    for (let row = buttons.previousElementSibling; row && !row.matches(".message-buttons"); row = row.previousElementSibling)
      rows.unshift(row);
    return rows.flatMap(bubbles);
  }

  // Messages that follow each other without a change of speaker stand in one bubble around theirs.
  function bubbles(part) {
    return [...part.querySelectorAll(".message")].filter((bubble) => !bubble.querySelector(".message"));
  }

  // The words that were said and, from the panel below an answer, a line for each source.
  function words(messages) {
    return messages.map((bubble) => {
      if (!bubble.querySelector(".panel")) return bubble.innerText.trim();
      const sources = [...bubble.querySelectorAll(".passage")].map((passage) =>
        [passage.querySelector(".name"), ...passage.querySelectorAll(".studies a")]
          .map((part) => part.textContent.trim() + (part.href ? " " + part.href : "")).join("\n    "));
      return sources.length ? "Sources\n" + sources.join("\n") : "";
    }).filter(Boolean).join("\n\n");
  }

  addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const name = button && (button.getAttribute("aria-label") || button.title);
    if (name === "Copy message" || name === "Copy conversation") {
      const whole = name === "Copy conversation";
      event.stopImmediatePropagation();
      const messages = whole ? bubbles(document.getElementById("chat")) : turn(button.closest(".message-buttons"));
      // What is folded away is not copied, and that is said.
      const before = whole && document.querySelector("#before button");
      const left = before ? `[${before.dataset.count} questions before these are left out. Export has the whole conversation.]\n\n` : "";
      navigator.clipboard.writeText(left + words(messages)).then(() => {
        button.title = "Copied";
        setTimeout(() => { button.title = name; }, 2000);
      });
    } else if (name === "Edit") {
      requestAnimationFrame(() => requestAnimationFrame(() => {
        const box = document.querySelector("#chat textarea");
        if (!box) return;
        box.value = box.value.replace(/\n\n/g, "\n").replace(escapes, "$1");
        box.dispatchEvent(new Event("input", { bubbles: true }));
      }));
    }
  }, true);

  // The page grows with the conversation: a new message of the person is brought to the top as soon as its answer is
  // long enough, unless they scroll themselves.
  let seen = 0, newest = "", following = false;
  for (const own of ["wheel", "touchmove"]) addEventListener(own, () => { following = false; }, { passive: true });
  new MutationObserver(() => {
    const rows = document.querySelectorAll("#chat .user-row");
    const last = rows[rows.length - 1];
    // As a message comes, older ones may be folded away: then there are fewer.
    const came = rows.length > seen || (last && last.textContent !== newest);
    following = came || (following && rows.length > 0);
    seen = rows.length;
    newest = last ? last.textContent : "";
    if (!following || !last) return;
    last.scrollIntoView({ block: "start" });
    following = last.getBoundingClientRect().top > 24;
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });

  // What the server writes is English, whatever the language of the page around it: a screen reader changes its voice.
  new MutationObserver(() => {
    for (const part of document.querySelectorAll("#chat:not([lang]), .english:not([lang])")) part.lang = "en";
  }).observe(document.documentElement, { childList: true, subtree: true });

  // Gradio's log of the conversation would read an answer anew at each of its words. It is announced once, when it has
  // ended, with its status.
  const announced = document.createElement("p");
  announced.id = "announced";
  announced.setAttribute("role", "status");
  function announce() {
    const rows = [...document.querySelectorAll("#chat .message-row")];
    const own = rows.findLastIndex((row) => row.matches(".user-row"));
    const said = rows.slice(own + 1).flatMap(bubbles).map((bubble) =>
      bubble.querySelector(".panel") ? bubble.querySelector(".status")?.textContent || "" : bubble.textContent);
    const words = said.map((part) => part.trim()).filter(Boolean).join(" ");
    if (words) announced.textContent = words;
  }

  // A question sent while an answer still streams, or before a new conversation has begun, waits in the box, where it
  // can be changed, and is sent after that. Where no new one begins, the connection is lost.
  const LONGEST_CLEARING = 5000;
  let clearing = false;
  const asked = () => document.querySelector("#question textarea");
  const ready = () => !clearing && document.querySelector("#question .submit-button");
  let waiting = null;
  function wait(words) {
    const sign = document.querySelector("#attach .waits");
    if (words === waiting || !sign) return;
    waiting = words;
    const until = clearing ? "the new conversation has begun" : "this answer has ended";
    sign.textContent = words ? `Your question is sent as soon as ${until}.` : "";
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== asked()) return;
    if (!ready() && asked().value.trim()) wait(asked().value);
    if (!clearing) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  addEventListener("input", (event) => { if (event.target === asked()) wait(null); });
  addEventListener("click", (event) => {
    if (clearing && event.target.closest("#question .submit-button")) {
      event.stopImmediatePropagation();
      if (asked().value.trim()) wait(asked().value);
      return;
    }
    if (event.target.closest("#new, #conversations, #chat")) wait(null);
    if (!event.target.closest('#new, #chat [aria-label="Clear"]') || !document.querySelector("#chat .user-row")) return;
    clearing = true;
    setTimeout(() => { clearing = false; }, LONGEST_CLEARING);
  }, true);
  function sendWhatWaits() {
    const same = waiting && asked().value === waiting;
    wait(null);
    if (same) ready().click();
  }

  let streaming = false;
  new MutationObserver(() => {
    if (!announced.isConnected && document.body) document.body.append(announced);
    document.querySelector('#chat [role="log"]:not([aria-live="off"])')?.setAttribute("aria-live", "off");
    clearing = clearing && Boolean(document.querySelector("#chat .user-row"));
    const ended = streaming && ready();
    streaming = Boolean(asked() && !ready());
    if (!ended) return;
    announce();
    sendWhatWaits();
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
