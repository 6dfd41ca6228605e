// The panels beside the conversation: what is pressed or chosen in them goes to the server through hidden boxes.
(() => {
  // Gradio takes a value over at an input, and acts on it at Enter.
  function tell(box, value) {
    const area = document.querySelector(`#${box} textarea`);
    area.value = value;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true, cancelable: true }));
  }
  window.consultantTell = tell;

  function inOtherWords(select) {
    const field = document.createElement("input");
    field.type = "text";
    field.maxLength = 200;
    field.setAttribute("aria-label", select.dataset.own);
    field.placeholder = "Write it, then press Enter";
    // Taking the field away takes the focus from it, which ends it once more.
    let over = false;
    const done = (take) => {
      if (over) return;
      over = true;
      const value = field.value.trim();
      select.selectedIndex = 0;
      field.replaceWith(select);
      if (take && value) tell("correct", `${select.dataset.slot}=${value}`);
      else select.focus();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") done(false);
    });
    field.addEventListener("blur", () => done(true));
    select.replaceWith(field);
    field.focus();
  }

  addEventListener("change", (event) => {
    const select = event.target.closest("select[data-slot]");
    if (!select) return;
    const chosen = select.selectedOptions[0];
    if (chosen.dataset.do === "own") inOtherWords(select);
    else if (chosen.dataset.do === "out") tell("correct", `${select.dataset.slot}=`);
    else if (chosen.value) tell("correct", `${select.dataset.slot}=${chosen.value}`);
  });

  // Brings the passage behind a citation into view: below its answer, or, from the panels, below the last one.
  function showPassage(link) {
    const number = link.getAttribute("href").slice("#cite-".length);
    const row = link.closest("#chat .message-row");
    const after = row ? [row, ...following(row)] : [...document.querySelectorAll("#chat .message-row")].reverse();
    const panel = after.map((part) => part.querySelector(".panel .passages")).find(Boolean);
    if (!panel) return;
    panel.closest("details").open = true;
    const passage = [...panel.querySelectorAll(".passage")].find((part) =>
      part.querySelector(".numbers").textContent.includes(`[${number}]`));
    if (!passage) return;
    passage.tabIndex = -1;
    passage.scrollIntoView({ block: "center" });
    passage.focus({ preventScroll: true });
  }

  function following(row) {
    const rows = [];
    for (let next = row.nextElementSibling; next && !next.matches(".user-row"); next = next.nextElementSibling)
      rows.push(next);
    return rows;
  }

  addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#cite-"]');
    if (link) {
      event.preventDefault();
      event.stopImmediatePropagation();
      showPassage(link);
      return;
    }
    const button = event.target.closest("button[data-do]");
    if (!button) return;
    const { slot, value } = button.dataset;
    if (button.dataset.do === "set") tell("correct", `${slot}=${value}`);
    else if (button.dataset.do === "suppose") tell("suppose", `${slot}=${value}`);
    else if (button.dataset.do === "back") tell("suppose", "=");
    // While an answer streams the conversation is the server's: what was folded away waits.
    else if (button.dataset.do === "unfold" && document.querySelector("#question .submit-button")) tell("unfold", String(Date.now()));
    else if (button.dataset.do === "again") tell("again", String(Date.now()));
  }, true);
})();
